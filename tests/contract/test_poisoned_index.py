"""Installations only use locked files: each one, against a package index with newer malicious versions."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from localcloud import settings
from localcloud.docker_engine import dockerd, engine, images
from tests.package_index import ENTRY, Index, serving
from tests.setups import ROOT, environment
from tools.locks import BUILD_IMAGE, LOCKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import docker

REAL_UV = f'#!/bin/sh\nexec {sys.executable.rpartition("/")[0]}/uv "$@"\n'
COPIED = ("bin", "tools", "localcloud", "delivery", "app", "tests/checkov", "requirements.txt", "requirements-dev.txt")
# The installations on the host: the lock, and the command in the repository's root ({python} runs these tests).
ON_THE_HOST = {
    "the program and its tests, by uv": (
        "requirements-dev.txt",
        "{python} -m tools.make_venv .venv requirements-dev.txt",
    ),
    "the program alone, by pip": ("requirements.txt", "{python} -m tools.make_venv .venv requirements.txt"),
    "the review of the resources": (
        "tests/checkov/requirements.txt",
        "{python} -m tools.make_venv .checkov/venv tests/checkov/requirements.txt",
    ),
    "the local cloud": ("localcloud/requirements.txt", "bin/localcloud setup"),
    "delivery in a build": ("delivery/requirements.txt", "sh delivery/buildspecs/install.sh cache"),
}
# The installations in an image: the lock, and the Dockerfile whose RUN instruction names it.
IN_AN_IMAGE = {
    "app/requirements-dev.txt": "app/Dockerfile",
    "app/requirements.txt": "app/Dockerfile",
    "app/requirements-acceptance.txt": "app/Dockerfile",
    f"{BUILD_IMAGE}/requirements.txt": f"{BUILD_IMAGE}/Dockerfile",
}


@pytest.fixture
def index() -> Index:
    """An index with malicious versions only."""
    return Index()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the repository's files that installations read."""
    for name in COPIED:
        source, ignored = ROOT / name, shutil.ignore_patterns("__pycache__", "reports")
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


def install(folder: Path, command: str, url: str) -> subprocess.CompletedProcess[str]:
    """Run an installation in a copy of the repository, with this index and without caches."""
    own = {"UV_NO_CACHE": "1", "PYTHONPATH": str(folder), "PATH": f"{ROOT / '.venv' / 'bin'}:/usr/bin:/bin"}
    return subprocess.run(
        command.format(python=sys.executable).split(), cwd=folder, env=environment(url) | own,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize(("lock", "command"), ON_THE_HOST.values(), ids=ON_THE_HOST)
def test_an_installation_takes_the_locked_files_and_no_other(copy: Path, index: Index, lock: str, command: str) -> None:
    """Even if the index has newer versions of requirements and their dependencies."""
    wanted = index.lock(copy / lock, {"uv": {"uv": REAL_UV}})
    with serving(index) as url:
        done = install(copy, command, url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not by uv" not in done.stdout
    assert index.taken == wanted


def test_where_uv_fails_pip_takes_the_same_files(copy: Path, index: Index) -> None:
    """A machine without uv is set up too, with a message why it takes longer."""
    wanted = index.lock(copy / "requirements-dev.txt", {"uv": {"uv": "#!/bin/sh\necho no uv here >&2\nexit 1\n"}})
    with serving(index) as url:
        done = install(copy, ON_THE_HOST["the program and its tests, by uv"][1], url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not by uv (pip failed: no uv here" in done.stdout
    assert index.taken == wanted


def test_where_uv_itself_cannot_be_had_pip_installs_the_rest(copy: Path, index: Index) -> None:
    """A registry may refuse it or have none for this platform; only `make lock` and `make update` need it."""
    wanted = index.lock(copy / "requirements-dev.txt")
    (own,) = [file for file in index.files if file.startswith("uv-")]
    del index.files[own]  # the file served instead has another hash
    with serving(index) as url:
        done = install(copy, ON_THE_HOST["the program and its tests, by uv"][1], url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not by uv (" in done.stdout
    assert index.taken - {own} == wanted - {own}


@pytest.mark.parametrize(("lock", "command"), ON_THE_HOST.values(), ids=ON_THE_HOST)
def test_a_lock_that_lacks_one_hash_is_refused(copy: Path, index: Index, lock: str, command: str) -> None:
    """A package without a hash could be any file with that name."""
    index.lock(copy / lock, {"uv": {"uv": REAL_UV}})
    text = (copy / lock).read_text("utf-8")
    (copy / lock).write_text(re.sub(r"^(urllib3==\S+) \\\n +--hash=\S+", r"\1", text, flags=re.MULTILINE), "utf-8")
    with serving(index) as url:
        done = install(copy, command, url)
    assert done.returncode != 0
    assert "hash" in done.stdout + done.stderr


def instruction(dockerfile: Path, lock: str) -> str:
    """Return a Dockerfile's RUN instruction that installs a lock."""
    text = dockerfile.read_text("utf-8")
    runs = re.findall(r"(?m)^RUN (?:.*\\\n)*.*$", text)
    (found,) = [run for run in runs if re.search(rf"-r (?:/tmp/)?{re.escape(lock)}(?![\w.-])", run)]
    return str(found)


@pytest.fixture(scope="module")
def python_image() -> Iterator[tuple[docker.DockerClient, str]]:
    """A Docker client, and the base image of the images under test."""
    own = settings.load()
    with dockerd.one_at_a_time(own, print):
        client = engine.require()
        name = images.ensure(client, own.cache_dir, print).python
    yield client, name
    client.close()


@pytest.mark.parametrize(("lock", "dockerfile"), IN_AN_IMAGE.items(), ids=IN_AN_IMAGE)
def test_an_image_takes_the_locked_files_and_no_other(
    copy: Path, index: Index, python_image: tuple[docker.DockerClient, str], lock: str, dockerfile: str
) -> None:
    """By the Dockerfile's own instruction, with the base image's pip."""
    client, image = python_image
    wanted = index.lock(copy / lock)
    run = instruction(ROOT / dockerfile, lock.rpartition("/")[2]).partition("\\\n    && mkdir")[0]
    gateway = client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"]
    folder = (copy / lock).parent
    with serving(index, gateway) as url:
        (folder / "Dockerfile.index").write_text(
            f"FROM {image}\nENV PIP_INDEX_URL={url} PIP_TRUSTED_HOST={gateway} PATH=/opt/venv/bin:$PATH\n"
            f"WORKDIR /app\nCOPY requirements*.txt ./\nCOPY requirements*.txt /tmp/\n{run}\n",
            "utf-8",
        )
        (folder / ".dockerignore").unlink(missing_ok=True)
        built, _ = client.images.build(path=str(folder), dockerfile="Dockerfile.index", nocache=True, forcerm=True)
    client.images.remove(built.id, noprune=False)
    assert index.taken == wanted


def test_every_lock_is_tried() -> None:
    """A new lock must be added to the tables above."""
    assert set(LOCKS) == {lock for lock, _ in ON_THE_HOST.values()} | set(IN_AN_IMAGE)
    assert all(ENTRY.search((ROOT / lock).read_text("utf-8")) for lock in LOCKS)
