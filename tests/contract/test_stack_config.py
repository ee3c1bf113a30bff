"""`pulumi-local config set` changes the committed stack file by Pulumi itself; no local cloud is needed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.setups import ROOT
from tools.pulumi_local import command, stack_file

if TYPE_CHECKING:
    from pathlib import Path

FILE = """# Who reads this?
config:
  aws:region: "eu-central-1"   # near

  # What runs.
  slipway:environment:
    services:
      web: {cpu: 256, memory: 512}
    zones:
    - a

  github:token:
    secure: v1:of-aws
encryptionsalt: v1:aws
"""


@pytest.fixture
def committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack file with mode 0640 in a temporary repository."""
    shutil.copyfile(ROOT / "Pulumi.yaml", tmp_path / "Pulumi.yaml")
    monkeypatch.setattr(command, "ROOT", tmp_path)
    path = tmp_path / "Pulumi.staging.yaml"
    path.write_text(FILE, "utf-8")
    path.chmod(0o640)
    return path


@pytest.mark.parametrize(
    ("arguments", "old", "new"),
    [
        (["set", "--path", "slipway:environment.services.web.cpu", "512"], "cpu: 256", "cpu: 512"),
        (["set", "--path", "slipway:environment.zones[1]", "true"], "    - a\n", "    - a\n    - true\n"),
        (["set", "aws:region", "eu-west-1"], 'eu-central-1"   #', 'eu-west-1" #'),
        (["set", "flag", "true"], "encryptionsalt", '  slipway:flag: "true"\nencryptionsalt'),
        (["rm", "--path", "slipway:environment.services.web.memory"], ", memory: 512", ""),
        (["rm", "aws:region"], '  aws:region: "eu-central-1"   # near\n', ""),
        (["set-all", "--path", "--plaintext", "slipway:environment.services.web.cpu=1024"], "256", "1024"),
    ],
)
def test_one_value_changes_and_all_else_stays(committed: Path, arguments: list[str], old: str, new: str) -> None:
    """Pulumi decides the types; comments, order, quotes, blank lines, the secret and the file's mode are preserved."""
    assert command.main(["config", *arguments, "-s", "staging"]) == 0
    assert committed.read_text("utf-8") == FILE.replace(old, new)
    assert committed.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in committed.parent.iterdir()) == ["Pulumi.staging.yaml", "Pulumi.yaml"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["set", "--path", "a[", "1", "-s", "staging"], "missing closing bracket in array index"),
        (["set", "a", "1", "-s", "prod"], "Pulumi.prod.yaml does not exist in"),
        (["set", "a", "1"], "pulumi config needs a stack here; add: -s staging"),
        (["set", "slipway:webhook_secret", "x", "--secret", "-s", "staging"], "none has to be set here"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(
    committed: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    """The line is Pulumi's own if Pulumi refuses the change."""
    assert command.main(["config", *arguments]) != 0
    assert words in capfd.readouterr().err
    assert committed.read_text("utf-8") == FILE


def test_a_file_that_is_no_yaml_is_not_touched(committed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its content is not lost."""
    committed.write_text("config: [", "utf-8")
    assert command.main(["config", "set", "a", "b", "-s", "staging"]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("pulumi-local: Pulumi.staging.yaml cannot be read as YAML")
    assert committed.read_text("utf-8") == "config: ["


def test_a_link_to_a_stack_file_stays_one(committed: Path, tmp_path: Path) -> None:
    """The target of the link is written."""
    real = committed.rename(tmp_path / "real.yaml")
    committed.symlink_to(real)
    assert command.main(["config", "set", "a:b", "c", "-s", "staging"]) == 0
    assert committed.is_symlink()
    assert stack_file.read(real)["config"]["a:b"] == "c"
