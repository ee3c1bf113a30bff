"""Images do not depend on the file modes of a checkout: first images and builds normalize them the same way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from delivery import checkout, environment
from delivery.commands import steps
from delivery.environment import Environment
from delivery.release import file_modes
from infra import build_context
from localcloud.docker_engine import images
from tests.unit.delivery.test_several_services import WEB

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "Dockerfile": b"FROM scratch\n",
    ".dockerignore": b"private*\n",
    "src/deep/app.py": b"print()\n",
    "src/empty": b"",
    "bin/start": b"#!/bin/sh\n",
    "bin/compiled": b"\x7fELF\x02",
    "private.env": b"SECRET=1\n",
}
WANTED = {
    ".": 0o755, ".dockerignore": 0o644, "Dockerfile": 0o644, "bin": 0o755, "bin/compiled": 0o755, "bin/start": 0o755,
    "link": 0o644, "src": 0o755, "src/deep": 0o755, "src/deep/app.py": 0o644, "src/empty": 0o644,
}  # fmt: skip


@pytest.fixture(params=[0o600, 0o700, 0o644, 0o664, 0o777], ids=oct)
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A build context whose files all have one mode, as after a umask, a ZIP archive or a network share."""
    root = tmp_path / "a context"
    for name, data in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(request.param)
    (root / "link").symlink_to("Dockerfile")
    for folder in (root, *root.rglob("*/")):
        folder.chmod(0o700)
    return root


def found(root: Path) -> dict[str, int]:
    """Return the modes of all files and folders below a folder."""
    return {str(path.relative_to(root)): path.stat().st_mode & 0o777 for path in (root, *root.rglob("*"))}


def test_a_build_sets_the_modes_of_its_sources(context: Path) -> None:
    """All files are readable; programs, recognized by their first bytes, are executable."""
    file_modes.settle(context)
    assert found(context) == WANTED | {"private.env": 0o644}


def test_a_first_image_is_built_from_the_same_modes_and_the_checkout_keeps_its_own(context: Path) -> None:
    """It is built from a copy, without ignored files."""
    before = found(context)
    copy = build_context.with_fixed_modes(context, "Dockerfile")
    assert found(copy) == WANTED
    assert {name: (copy / name).read_bytes() for name in FILES if (copy / name).exists()} == {
        name: data for name, data in FILES.items() if name != "private.env"
    }
    assert (copy / "link").readlink() == Path("Dockerfile")
    assert found(context) == before
    assert copy.stat().st_uid == os.getuid()
    shutil.rmtree(copy)


def test_a_context_whose_modes_are_right_is_built_from_as_it_is(context: Path) -> None:
    """Modes of ignored files do not matter."""
    file_modes.settle(context)
    (context / "private.env").chmod(0o600)
    assert build_context.with_fixed_modes(context, "Dockerfile") == context


def test_the_copy_goes_with_the_process(context: Path) -> None:
    """The copy is removed at the end of the Pulumi program."""
    text = "import pathlib, sys\nfrom infra import build_context\n"
    text += "print(build_context.with_fixed_modes(pathlib.Path(sys.argv[1]), 'Dockerfile'))"
    done = subprocess.run(
        [sys.executable, "-c", text, context], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert not Path(done.stdout.strip()).exists()


@pytest.mark.parametrize(("build", "mode"), [("p:1", 0o644), (None, None)], ids=["in CodeBuild", "by hand"])
def test_the_steps_set_modes_in_a_build_and_leave_a_developers_alone(
    monkeypatch: pytest.MonkeyPatch, context: Path, build: str | None, mode: int | None
) -> None:
    """For each of test, build and acceptance."""
    told = replace(WEB, context=context.name)
    found_there = Environment(stack="staging", url="http://x", cluster="c", services=(told,))
    monkeypatch.setattr(checkout, "ROOT", context.parent)
    monkeypatch.setattr(steps, "client", lambda _: None)
    monkeypatch.setattr(environment, "read", lambda *_: found_there)
    monkeypatch.delenv("CODEBUILD_BUILD_ID", raising=False)
    if build:
        monkeypatch.setenv("CODEBUILD_BUILD_ID", build)
    before = found(context)
    assert steps._with_sources("staging") == found_there
    assert found(context)["Dockerfile"] == (mode or before["Dockerfile"])


@pytest.mark.parametrize("recipe", ["python", "postgres"])
def test_a_stand_in_is_built_from_files_that_all_may_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, recipe: str
) -> None:
    """Otherwise only root could read /etc in images based on it."""
    shutil.copytree(images.RECIPES / recipe, tmp_path / "recipes" / recipe)
    for path in (tmp_path / "recipes" / recipe).iterdir():
        path.chmod(0o600)
    monkeypatch.setattr(images, "RECIPES", tmp_path / "recipes")
    context = tmp_path / "context"
    context.mkdir()
    images.recipe_files(recipe, context)
    assert {path.stat().st_mode & 0o777 for path in context.rglob("*") if path.is_file()} == {0o644}
    assert {path.stat().st_mode & 0o777 for path in context.rglob("*/")} <= {0o755}


def test_the_local_cloud_works_by_a_umask_of_its_own(tmp_path: Path) -> None:
    """A developer's umask has no effect, as on AWS; the mode of the state folder denies access to other users."""
    text = "import os\nfrom localcloud.__main__ import main\nmain(['env'])\nprint(oct(os.umask(0)))"
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, env=os.environ | {"LOCALCLOUD_STATE": str(tmp_path)}, umask=0o077,
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == "0o22\n"
