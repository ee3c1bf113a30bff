"""What goes into the image, and what can never become one."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import uuid
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Build = Callable[..., subprocess.CompletedProcess[str]]

PLANTED = [
    ".env",
    ".git/config",
    "id_rsa",
    "reports/unit.xml",
    "src/guestbook/.secret",
    "src/guestbook/__pycache__/web.cpython-311.pyc",
    "src/guestbook.egg-info/PKG-INFO",
    "tests/unit/__pycache__/x.pyc",
    "venv/bin/python",
]
# Looked for in a release image: whatever could build or install something.
TOOLS = ("pip", "pip3", "gcc", "cc", "make", "pytest", "watchfiles", "git", "curl")


def test_the_build_context_holds_sources_and_nothing_else(copy: Path) -> None:
    """Docker itself is asked what it would send, with files planted that must stay out."""
    for name in PLANTED:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("planted")
    (copy / "Dockerfile").write_text('FROM scratch\nCOPY . /\nCMD ["none"]\n')
    tag = f"guestbook-context-test:{uuid.uuid4().hex[:12]}"
    subprocess.run(["docker", "build", "--quiet", "--tag", tag, str(copy)], check=True, capture_output=True)
    container = subprocess.run(["docker", "create", tag], check=True, capture_output=True, text=True).stdout.strip()
    exported = subprocess.run(["docker", "export", container], check=True, capture_output=True).stdout
    subprocess.run(["docker", "rm", container], check=True, capture_output=True)
    subprocess.run(["docker", "rmi", tag], check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(exported)) as archive:
        files = {member.name for member in archive if member.isfile()}
    assert files.isdisjoint(PLANTED)
    wanted = {"pyproject.toml", "requirements.txt", "src/guestbook/web.py", "tests/unit/test_web.py"}
    assert wanted <= files
    made_by_docker = ("dev/", "etc/", "proc/", "sys/", ".dockerenv")
    ours = [name for name in files if not name.startswith(made_by_docker)]
    assert {name.partition("/")[0] for name in ours} <= {
        "pyproject.toml",
        "requirements.txt",
        "requirements-dev.txt",
        "requirements-acceptance.txt",
        "src",
        "tests",
    }


@pytest.mark.parametrize("target", ["test", "build", "release"])
def test_a_failing_unit_test_makes_a_release_impossible(copy: Path, build: Build, target: str) -> None:
    """No target from `test` on can be built, and the reason is shown."""
    failing = "def test_that_is_broken() -> None:\n    assert False\n"
    (copy / "tests/unit/test_broken.py").write_text(failing)
    result = build(target)
    assert result.returncode != 0
    assert "test_that_is_broken" in result.stdout + result.stderr


@pytest.fixture
def release(build: Build) -> str:
    """The tag of a release image of this commit."""
    tag = f"guestbook-release-test:{uuid.uuid4().hex[:12]}"
    result = build("release", "--build-arg=COMMIT=c0ffee", tag=tag)
    assert result.returncode == 0, result.stdout + result.stderr
    return tag


def test_a_release_holds_no_tools_and_runs_as_nobody_in_particular(release: str) -> None:
    """Nothing to build, install or test with; no root; labels say what it is."""
    script = f"id -u; for tool in {' '.join(TOOLS)}; do command -v $tool; done; find / -xdev -name 'test_web*'; true"
    run = ["docker", "run", "--rm", "--read-only", "--network=none", release]
    found = subprocess.run([*run, "sh", "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert found == ["10001"]
    modules = (
        "import importlib.util as u; print([m for m in ('pip', 'pytest', 'httpx', 'setuptools') if u.find_spec(m)])"
    )
    listed = subprocess.run([*run, "python", "-c", modules], check=True, capture_output=True, text=True).stdout
    assert listed.strip() == "[]"
    inspected = subprocess.run(["docker", "inspect", release], check=True, capture_output=True, text=True).stdout
    assert json.loads(inspected)[0]["Config"]["Labels"]["org.opencontainers.image.revision"] == "c0ffee"


def test_a_release_without_configuration_says_what_it_needs(release: str) -> None:
    """One line, a code that is not zero, read-only root file system."""
    ended = subprocess.run(
        ["docker", "run", "--rm", "--read-only", release], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "DATABASE_HOST is not set" in ended.stderr
