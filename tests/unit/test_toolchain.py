"""The toolchain: pins and key, its three sources, and its layout in a repository."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import re
import shutil
import sys
import tarfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools.toolchain import __main__ as program
from tools.toolchain import installed, official, pins, places, reach
from tools.toolchain.errors import ToolchainError, UnavailableError
from tools.toolchain.layout import Toolchain, missing_plugins, plugin_folder, publish, recorded
from tools.toolchain.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


def script(path: Path, text: str) -> Path:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def plugins_in(folder: Path) -> Path:
    """Create every pinned plugin, as an empty file, in a folder."""
    for name, version in pins.pins().plugins.items():
        script(plugin_folder(folder, name, version) / f"pulumi-resource-{name}", "")
    return folder


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of the files that determine a toolchain's key."""
    for path in pins.source_files():
        copy = tmp_path / "sources" / path.relative_to(pins.FOLDER)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return tmp_path / "sources"


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only one in PATH; PULUMI_HOME is below it."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PULUMI_HOME", str(folder / "home"))
    return folder


def test_requirements_name_the_versions_of_the_table() -> None:
    """SDKs, CLI and plugins are only tested together."""
    required = dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    named = {"pulumi": pins.pins().cli} | {f"pulumi-{name}": v for name, v in pins.pins().plugins.items()}
    assert {name: required.get(name) for name in named} == named


def test_the_go_module_names_the_version_of_the_cli() -> None:
    """go.mod and the table must agree."""
    text = (ROOT / "tools" / "toolchain" / "go" / "go.mod").read_text()
    assert set(re.findall(r"pulumi/(?:pkg|sdk)/v3 v(\S+)", text)) == {pins.pins().cli}
    assert (
        f"{pins.pins().upstream.replace('@', ' ')} h1:" in (ROOT / "tools" / "toolchain" / "go" / "go.sum").read_text()
    )


@pytest.mark.parametrize("name", ["go/go.sum", "go/cmd/pulumi-resource-aws/provider.go", "trim.py", "versions.toml"])
def test_a_changed_source_file_changes_the_key(sources: Path, name: str) -> None:
    """An outdated toolchain is never used."""
    before = pins.key(sources, "go1.26.0")
    assert before == pins.key(sources, "go1.26.0")
    with (sources / name).open("a") as file:
        file.write("\n")
    assert pins.key(sources, "go1.26.0") != before


def test_a_new_and_a_renamed_file_change_the_key(sources: Path) -> None:
    """Names count as well as contents."""
    before = pins.key(sources, "go1.26.0")
    (sources / "go" / "internal" / "new.go").write_text("package internal\n")
    added = pins.key(sources, "go1.26.0")
    (sources / "go" / "internal" / "new.go").rename(sources / "go" / "internal" / "other.go")
    assert len({before, added, pins.key(sources, "go1.26.0")}) == 3


def test_another_go_changes_the_key_and_no_go_finds_what_was_built(tmp_path: Path, sources: Path) -> None:
    """The toolchain stays usable after Go is removed."""
    built = pins.key(sources, "go1.26.8")
    assert built != pins.key(sources, "go1.27.0")
    store = Store(tmp_path / "cache")
    script(store.folder(built) / "bin" / "pulumi", "")
    assert store.find(pins.key(sources, "")) == store.folder(built)
    assert store.find(pins.key(sources, "go1.27.0")) is None


@pytest.mark.parametrize(("shown", "remark"), [("v3.256.0", ""), ("v3.240.1", "same major version is taken")])
def test_an_installed_pulumi_with_its_plugins_is_taken(only: Path, shown: str, remark: str) -> None:
    """An existing installation is preferred; another version of the same major is named."""
    script(only / "pulumi", f"echo {shown}")
    script(only / "pulumi-language-python", "")
    plugins_in(only / "home" / "plugins")
    toolchain, about = installed.find()
    assert (toolchain.origin, toolchain.programs) == ("installed", str(only))
    assert remark in about


def test_an_installed_pulumi_of_another_major_is_not_taken(only: Path) -> None:
    """The plugins' protocol may differ."""
    script(only / "pulumi", "echo v2.25.0")
    with pytest.raises(UnavailableError, match=r"is v2\.25\.0, wanted is v3\.256\.0"):
        installed.find()


def test_an_installed_pulumi_without_a_pinned_plugin_is_not_enough(only: Path) -> None:
    """The message names the missing plugin."""
    script(only / "pulumi", "echo v3.256.0")
    script(only / "pulumi-language-python", "")
    shutil.rmtree(plugin_folder(plugins_in(only / "home" / "plugins"), "docker", pins.pins().plugins["docker"]))
    with pytest.raises(UnavailableError, match=r"pulumi 3\.256\.0 is installed, but not its plugins docker 5\.2\.0$"):
        installed.find()


@pytest.fixture
def downloads(tmp_path: Path) -> Iterator[str]:
    """The URL of a server with an official CLI and its checksum."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    name = official.archive_name(pins.pins().cli)
    with tarfile.open(folder / name, "w:gz") as archive:
        for program_name in ("pulumi", "pulumi-language-python"):
            entry = tarfile.TarInfo(f"pulumi/{program_name}")
            entry.size, entry.mode = 4, 0o755
            archive.addfile(entry, io.BytesIO(b"true"))
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / f"pulumi-{pins.pins().cli}-checksums.txt").write_text(f"{'0' * 64}  other.tar.gz\n{digest}  {name}\n")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_the_official_cli_is_unpacked_beside_its_language_hosts(downloads: str, tmp_path: Path) -> None:
    """The archive's top-level folder is dropped."""
    official.fetch_cli(tmp_path / "bin", downloads, downloads)
    assert sorted(path.name for path in (tmp_path / "bin").iterdir()) == ["pulumi", "pulumi-language-python"]


def test_a_damaged_download_is_refused(downloads: str, tmp_path: Path) -> None:
    """An archive without the published checksum is never unpacked."""
    with (tmp_path / "downloads" / official.archive_name(pins.pins().cli)).open("ab") as file:
        file.write(b"x")
    with pytest.raises(ToolchainError, match=r"SHA-256 is \w{64}, published is \w{64}: nothing was installed"):
        official.fetch_cli(tmp_path / "bin", downloads, downloads)
    assert not (tmp_path / "bin").exists()


def test_an_unreachable_download_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    """Only an unreachable one falls back to a build."""
    with pytest.raises(UnavailableError, match=r"^127\.0\.0\.1:9 cannot be reached"):
        official.fetch_cli(tmp_path / "bin", "http://127.0.0.1:9", "http://127.0.0.1:9")


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toolchain:
    """A built toolchain in a cache, and a virtual environment with an SDK."""
    site = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    (site / "pulumi").mkdir(parents=True)
    monkeypatch.setattr(places, "REPOSITORY", tmp_path)
    script(tmp_path / "cache" / "bin" / "pulumi", "echo v3.256.0")
    plugins = plugins_in(tmp_path / "cache" / "plugins")
    return Toolchain(origin="built", key="k", programs=str(tmp_path / "cache" / "bin"), plugins=str(plugins))


def test_publishing_keeps_what_pulumi_wrote_into_its_home(built: Toolchain, tmp_path: Path) -> None:
    """A new toolchain must not log anyone out."""
    target = tmp_path / ".toolchain"
    (target / "home").mkdir(parents=True)
    (target / "home" / "credentials.json").write_text("{}")
    publish(built, target)
    publish(built, target)
    assert recorded(target) == built
    assert (target / "home" / "credentials.json").exists()
    assert not missing_plugins(target / "home" / "plugins")
    assert str(tmp_path / ".venv" / "bin" / "python") in (target / "bin" / "pulumi-language-python").read_text()


def test_a_toolchain_whose_cache_is_gone_is_not_taken_for_whole(built: Toolchain, tmp_path: Path) -> None:
    """The next run installs it again."""
    publish(built, tmp_path / ".toolchain")
    shutil.rmtree(tmp_path / "cache")
    assert recorded(tmp_path / ".toolchain") is None


def test_the_environment_has_the_programs_first_and_no_plugin_on_path(
    built: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin on PATH makes the engine print a warning on every run."""
    publish(built, tmp_path / ".toolchain")
    monkeypatch.setattr(places, "TOOLCHAIN", tmp_path / ".toolchain")
    monkeypatch.setenv("PATH", places.environment()["PATH"])
    found = places.environment()
    assert found["PATH"].split(":").count(str(tmp_path / ".toolchain" / "bin")) == 1
    assert shutil.which("pulumi", path=found["PATH"]) == str(tmp_path / ".toolchain" / "bin" / "pulumi")
    assert not list((tmp_path / ".toolchain" / "bin").glob("pulumi-resource-aws"))
    assert found["PULUMI_HOME"] == str(tmp_path / ".toolchain" / "home")


def test_a_missing_toolchain_is_said_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """environment() before setup names the command to run."""
    monkeypatch.setattr(places, "TOOLCHAIN", tmp_path / ".toolchain")
    with pytest.raises(ToolchainError, match=r"\.toolchain is missing: run `make setup`"):
        places.environment()


def test_errors_are_one_line_and_the_exit_status_is_not_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error that the user can fix has no traceback."""
    monkeypatch.setattr(places, "TOOLCHAIN", tmp_path / ".toolchain")
    monkeypatch.setattr(sys, "argv", ["toolchain", "env"])
    assert program.main() == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_clean_removes_the_cache_with_its_write_protected_parts(tmp_path: Path) -> None:
    """Go's module cache is read-only, and folders may be."""
    store = Store(tmp_path / "cache")
    (store.root / "key" / "bin").mkdir(parents=True)
    (store.root / "key" / "bin" / "pulumi").write_text("12345")
    (store.root / "key" / "bin").chmod(0o555)
    assert store.clean() == 5
    assert not store.root.exists()


def test_publishing_an_official_toolchain_takes_the_built_programs_away(built: Toolchain, tmp_path: Path) -> None:
    """The built language host must not be used instead of the official one, which Pulumi finds by following links."""
    target = tmp_path / ".toolchain"
    publish(built, target)
    programs = tmp_path / "official"
    for name in ("pulumi", "pulumi-language-python"):
        script(programs / name, "")
    publish(Toolchain(origin="official", key="k", programs=str(programs), plugins=built.plugins), target)
    found = {path.name: path.resolve().parent for path in (target / "bin").iterdir()}
    assert found == {"pulumi": programs, "pulumi-language-python": programs}


def test_a_silent_network_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unresponsive name server must not block setup."""

    def silent(*_: object, **__: object) -> tuple[int, bytes]:
        time.sleep(5)
        return 200, b""

    monkeypatch.setattr(reach, "open_url", silent)
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=r"^get\.pulumi\.com did not respond within 0\.1 s$"):
        official.probe(official.DOWNLOADS, 0.1)
    assert time.monotonic() - began < 2
