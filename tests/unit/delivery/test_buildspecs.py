"""What the buildspecs run of delivery, and with which options."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery import __main__ as program
from delivery import environment
from delivery.commands.registry import delivery
from infra.pipeline import steps
from tests.unit.delivery.world import World, pipeline_facts

GOOD, NEXT = "a" * 40, "b" * 40
RUN = "11111111-2222-3333-4444-555555555555"
BUILDSPECS = sorted((Path(program.__file__).parent / "buildspecs").glob("*.yml"))
ON_LAMBDA = [path for path in BUILDSPECS if path.stem.endswith("-lambda")]
ON_EC2 = [path for path in BUILDSPECS if path not in ON_LAMBDA]


def parsed(words: list[str]) -> dict[str, Any]:
    """Return the options of a command as they are typed."""
    command = delivery.commands[words[0]]
    return dict(command.make_context(words[0], words[1:]).params)


def steps_of_the_pipeline() -> list[tuple[str, list[str]]]:
    """Return what each buildspec runs of delivery, with plain values for its variables."""
    found = []
    for path in BUILDSPECS:
        for line in re.findall(r"python3 -m delivery (.*)", path.read_text("utf-8")):
            words = re.sub(r'"[^"]*"', "linux/amd64" if "PLATFORM" in line else "x", line).split()
            found.append((path.stem, words))
    return found


@pytest.mark.parametrize(
    ("spec", "words"), steps_of_the_pipeline(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_each_step_of_the_pipeline_is_a_command_with_options_that_exist(spec: str, words: list[str]) -> None:
    """Production runs only what changes nothing, staging everything; both are put back where it fails."""
    words = [word for word in words if word != "--platform" or "linux/amd64" in words]
    options = parsed(words)
    assert options.pop("stack") in ("x", "linux/amd64")
    if words[0] == "acceptance":
        assert (options["safe_only"], options["put_back"]) == (spec == "smoke", True)
    if words[0] == "promote":
        assert options["kind"] == ("released" if spec == "smoke" else "accepted")


def test_the_pipelines_of_an_account_are_found_by_their_stacks(piped: World) -> None:
    """On every page of the parameters."""
    piped.parameters.values["/slipway/prod/pipeline"] = pipeline_facts("P") | {
        "pipeline": "other",
        "approval_stage": "Ask",
    }
    found = environment.pipelines(piped.client("ssm"))
    assert {stack: (one.name, one.stage, one.approval_stage) for stack, one in found.items()} == {
        "staging": ("slipway", "Production", "Approval"),
        "prod": ("other", "P", "Ask"),
    }


def read(path: Path) -> dict[str, Any]:
    """Return a buildspec, its values as texts."""
    return dict(yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader))  # noqa: S506  texts only


def test_each_step_that_may_run_on_lambda_compute_has_a_buildspec_for_it() -> None:
    """The same commands, without what Lambda compute lacks: versions to select, a cache, and files outside of /tmp."""
    wanted = {f"{step.buildspec}-lambda" for step in steps.STEPS.values() if step.fits_lambda}
    assert {path.stem for path in ON_LAMBDA} == wanted
    for path in ON_LAMBDA:
        spec = read(path.with_name(f"{path.stem.removesuffix('-lambda')}.yml"))
        install = spec["phases"]["install"]
        del spec["cache"], install["runtime-versions"]
        install["commands"][0] = 'PACKAGES="$(sh delivery/buildspecs/install.sh "$(mktemp -d)")"'
        assert read(path) == spec


@pytest.mark.parametrize("path", ON_EC2, ids=lambda path: path.stem)
def test_each_build_selects_the_version_of_python_that_the_locks_are_made_for(path: Path) -> None:
    """An image's default changes when AWS says so (CodeBuild User Guide, Available runtimes)."""
    assert read(path)["phases"]["install"]["runtime-versions"] == {"python": "3.11"}
    assert "--python-version=3.11 " in (path.parents[1] / "requirements.txt").read_text("utf-8")


@pytest.mark.parametrize(
    ("script", "found"), [('[ "$1" = --version ] && echo Python 3.9.16; exit 1', "Python 3.9.16"), ("", "not found")]
)
def test_a_build_image_with_an_older_python_is_refused_in_one_line(tmp_path: Path, script: str, found: str) -> None:
    """Or one without any; the line names the key."""
    for name in ("cut", "head", "sha256sum", "cat"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    if script:
        (tmp_path / "python3").write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        (tmp_path / "python3").chmod(0o755)
    command = ["/bin/sh", str(BUILDSPECS[0].parent / "install.sh"), str(tmp_path / "cache")]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("delivery needs Python 3.11 or later, and this build image has ")
    assert found in done.stderr
    assert done.stderr.endswith("; set slipway:pipeline.image to another\n")
