"""The base images: the public ones where a registry is reachable, else stand-ins built from Debian packages."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docker.errors import ImageNotFound
from docker.utils.json_stream import json_stream

from localcloud.docker_engine import dockerd
from localcloud.docker_engine.base_images import PUBLIC, STAND_INS, Images, lacking, registry_answers
from localcloud.docker_engine.pip_settings import pip_conf
from localcloud.settings import IMAGE_PREFIX, NAME, PACKAGE, UserError, label

if TYPE_CHECKING:
    from collections.abc import Callable

    import docker

RECIPES = PACKAGE / "images"
RECIPE_LABEL = label("recipe")
"""What an image was built from. (Containers inherit an image's labels, so the label of our containers is not on it.)"""
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
SUITE = "bookworm"
INCLUDE = "usr-is-merged,ca-certificates,python3,python3-pip,python3-venv"
MERGED = "/usr/share/mmdebstrap/hooks/merged-usr"
"""The file system is merged from the start, as `usr-is-merged` asks: else Debian installs perl, 50 MB, to merge it."""
BOOTSTRAP_SECONDS = 600
SHOWN_LINES = 30
"""Of a failed build's output."""
ARCHIVES = "/var/cache/apt/archives"
KEEP_PACKAGES = "download/empty,essential/unlink,cleanup/apt"
"""Steps that mmdebstrap leaves out, so that downloaded packages are still there to be kept."""


BASE = f"{IMAGE_PREFIX}debian:bookworm"
OURS = (IMAGE_PREFIX, f"{NAME}-acceptance/")
"""How the names of the images begin that the local cloud and acceptance against it make."""


def ensure(client: docker.DockerClient, cache: Path, say: Callable[[str], None]) -> Images:
    """Return the image names in use, after building whatever stand-in is missing or made by an older recipe.

    Args:
        client: the Docker daemon.
        cache: folder outside the repository for downloaded packages.
        say: takes progress lines.

    Raises:
        UserError: a stand-in cannot be built.
    """
    if registry_answers():
        return PUBLIC
    client.ping()
    recipe = digest_of(BASE, SUITE, INCLUDE, pip_conf(), *texts(RECIPES / "python"), *bundle())
    if recipe_of(client, STAND_INS.python) != recipe:
        base(client, cache, say)
        build(client, STAND_INS.python, "python", {"BASE": BASE}, recipe, "5 s", say)
    for name, image, expected in (
        ("postgres", STAND_INS.postgres, "25 s, 250 MB"),
        ("haproxy", STAND_INS.haproxy, "10 s, 10 MB"),
        ("codebuild", STAND_INS.codebuild, "25 s, 630 MB"),
    ):
        own = digest_of(recipe, *texts(RECIPES / name))
        if recipe_of(client, image) != own:
            build(client, image, name, {"PYTHON_IMAGE": STAND_INS.python}, own, expected, say)
    return STAND_INS


def names(client: docker.DockerClient) -> list[str]:
    """Return all names of the daemon's images, with tags and with digests. Blocking.

    As one request: docker-py's own list asks once more for each image, which may be gone by then.
    """
    rows: list[dict[str, Any]] = client.api.images()
    return [name for row in rows for key in ("RepoTags", "RepoDigests") for name in row[key] or []]


def digest_of(*parts: str) -> str:
    """Return a short hash of texts: what an image is built from."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def texts(folder: Path) -> list[str]:
    """Return names and contents of a folder's files, in order."""
    return [f"{path.name}\n{path.read_text()}" for path in sorted(folder.iterdir()) if path.is_file()]


def bundle() -> list[str]:
    """Return the host's certificate authorities, as a list of none or one text."""
    return [BUNDLE.read_text()] if BUNDLE.exists() else []


def recipe_of(client: docker.DockerClient, image: str) -> str | None:
    """Return the recipe hash that an image was built from, None where there is no such image."""
    try:
        recipe: str | None = client.images.get(image).labels.get(RECIPE_LABEL)
    except ImageNotFound:
        return None
    return recipe


def base(client: docker.DockerClient, cache: Path, say: Callable[[str], None]) -> None:
    """Make the Debian image below the stand-ins, once.

    Raises:
        UserError: mmdebstrap is missing and cannot be installed, or fails.
    """
    recipe = digest_of(BASE, SUITE, INCLUDE)
    if recipe_of(client, BASE) == recipe:
        return
    if problem := lacking():
        raise UserError(problem)
    if shutil.which("mmdebstrap") is None:
        dockerd.apt_install(["mmdebstrap"])
    say(f"{BASE}: building from Debian packages (about 30 s, 150 MB)")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tar = Path(folder) / "base.tar"
        bootstrap(tar, cache / "images" / "packages")
        changes = [f"LABEL {RECIPE_LABEL}={recipe}", 'CMD ["bash"]']
        repository, tag = BASE.rsplit(":", 1)
        with tar.open("rb") as stream:
            chunks = iter(
                lambda: stream.read(2**20), b""
            )  # docker-py would send a file unchunked, under a chunked header
            client.api.import_image_from_stream(chunks, repository=repository, tag=tag, changes=changes)
    say(f"{BASE}: built in {time.monotonic() - started:.0f} s")


def bootstrap(tar: Path, packages: Path, *options: str) -> None:
    """Run mmdebstrap, with further options, into a tar file, keeping downloaded packages for the next time.

    Raises:
        UserError: it fails or takes longer than 10 minutes.
    """
    packages.mkdir(parents=True, exist_ok=True)
    hooks = [
        f'--setup-hook=mkdir -p "$1"{ARCHIVES}; cp -n {packages}/*.deb "$1"{ARCHIVES}/ || :',
        f'--customize-hook=cp -n "$1"{ARCHIVES}/*.deb {packages}/ || :',
        '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*',
    ]
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale")]
    sources = [str(path) for path in (Path("/etc/apt/sources.list.d/debian.sources"),) if is_suite(path)]
    done = subprocess.run(
        ["mmdebstrap", *options, "--variant=minbase", f"--hook-dir={MERGED}", f"--include={INCLUDE}",
         f"--skip={KEEP_PACKAGES}",
         '--aptopt=Acquire::Languages "none"', *excluded, *hooks, SUITE, str(tar), *sources],
        capture_output=True, text=True, check=False, timeout=BOOTSTRAP_SECONDS,
    )  # fmt: skip
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("E:")] or ["no message"]
        raise UserError(f"mmdebstrap {SUITE} failed: {errors[0]}; check that Debian packages can be downloaded")


def is_suite(path: Path) -> bool:
    """Tell whether an apt sources file of the host names the suite, so that its mirror can be used."""
    return path.exists() and SUITE in path.read_text()


def build(  # noqa: PLR0913 - each is a value of its own
    client: docker.DockerClient,
    image: str,
    name: str,
    arguments: dict[str, str],
    recipe: str,
    expected: str,
    say: Callable[[str], None],
    platform: str | None = None,
) -> None:
    """Build one stand-in from its recipe folder, for a platform (None: the machine's own).

    Raises:
        UserError: the build fails; the message names the step and its reason, and its last lines have been said.
    """
    say(f"{image}: building (about {expected})")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        recipe_files(name, Path(folder))
        stream = client.api.build(
            path=folder, tag=image, buildargs=arguments, rm=True, forcerm=True, network_mode="bridge",
            labels={RECIPE_LABEL: recipe}, platform=platform,
        )  # fmt: skip
        written = ""
        for event in json_stream(stream):
            written += event.get("stream", "")
            if "error" in event:
                say("\n".join(written.splitlines()[-SHOWN_LINES:]))
                raise UserError(f"{image} cannot be built: {event['error']}")
    say(f"{image}: built in {time.monotonic() - started:.0f} s")


def recipe_files(name: str, context: Path) -> None:
    """Fill a build context with a recipe's files, but not their modes, which are the checkout's."""
    for file in (RECIPES / name).iterdir():
        shutil.copyfile(file, context / file.name)
    if name == "python":
        host_files(context)
    for path in context.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def host_files(context: Path) -> None:
    """Put the host's certificate authorities and pip settings where the python recipe copies them from."""
    (context / "etc" / "ssl" / "certs").mkdir(parents=True)
    if BUNDLE.exists():
        shutil.copyfile(BUNDLE, context / "etc" / "ssl" / "certs" / BUNDLE.name)
    (context / "etc" / "pip.conf").write_text(pip_conf())
