"""The base images: the public ones if a registry is reachable, else stand-ins that are built from Debian packages."""

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
"""The hash of an image's recipe. (Images lack the label of our containers, since containers inherit image labels.)"""
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
SUITE = "bookworm"
INCLUDE = "usr-is-merged,ca-certificates,python3,python3-pip,python3-venv"
MERGED = "/usr/share/mmdebstrap/hooks/merged-usr"
"""Creates a merged /usr from the start, as `usr-is-merged` requires; else Debian installs perl, 50 MB, to merge it."""
BOOTSTRAP_SECONDS = 600
SHOWN_LINES = 30
"""Number of lines shown of a failed build's output."""
ARCHIVES = "/var/cache/apt/archives"
KEEP_PACKAGES = "download/empty,essential/unlink,cleanup/apt"
"""Steps that mmdebstrap skips, so that downloaded packages remain for the cache."""


BASE = f"{IMAGE_PREFIX}debian:bookworm"
OURS = (IMAGE_PREFIX, f"{NAME}-acceptance/")
"""Prefixes of the images that the local cloud, and acceptance tests against it, build."""


def ensure(client: docker.DockerClient, cache: Path, say: Callable[[str], None]) -> Images:
    """Return the names of the base images, after building stand-ins that are missing or have an outdated recipe.

    Args:
        client: the Docker daemon.
        cache: the folder for downloaded packages, outside the repository.
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
    """Return all names of the daemon's images, by tag and by digest. Blocking.

    By one request: docker-py's list inspects each image by another one, which fails if the image is removed meanwhile.
    """
    rows: list[dict[str, Any]] = client.api.images()
    return [name for row in rows for key in ("RepoTags", "RepoDigests") for name in row[key] or []]


def digest_of(*parts: str) -> str:
    """Return a short hash of the texts that an image is built from."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def texts(folder: Path) -> list[str]:
    """Return the names and contents of a folder's files, in order."""
    return [f"{path.name}\n{path.read_text()}" for path in sorted(folder.iterdir()) if path.is_file()]


def bundle() -> list[str]:
    """Return the host's CA bundle as a list of no or one text."""
    return [BUNDLE.read_text()] if BUNDLE.exists() else []


def recipe_of(client: docker.DockerClient, image: str) -> str | None:
    """Return the hash of an image's recipe, or None if there is no such image."""
    try:
        recipe: str | None = client.images.get(image).labels.get(RECIPE_LABEL)
    except ImageNotFound:
        return None
    return recipe


def base(client: docker.DockerClient, cache: Path, say: Callable[[str], None]) -> None:
    """Build the Debian base of the stand-ins, unless it exists.

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
            )  # docker-py sends a file object unchunked despite a chunked header
            client.api.import_image_from_stream(chunks, repository=repository, tag=tag, changes=changes)
    say(f"{BASE}: built in {time.monotonic() - started:.0f} s")


def bootstrap(tar: Path, packages: Path, *options: str) -> None:
    """Run mmdebstrap with further options, writing a tar file and caching downloaded packages.

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
    """Tell whether an apt sources file of the host is for the suite, so that its mirror can be used."""
    return path.exists() and SUITE in path.read_text()


def build(  # noqa: PLR0913 - independent parameters
    client: docker.DockerClient,
    image: str,
    name: str,
    arguments: dict[str, str],
    recipe: str,
    expected: str,
    say: Callable[[str], None],
    platform: str | None = None,
) -> None:
    """Build one stand-in from its recipe folder, for a platform (None: the native one).

    Raises:
        UserError: the build fails; the message names the step and the reason. The last lines of output are printed.
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
    """Copy a recipe's files into a build context, without their modes, which depend on the checkout."""
    for file in (RECIPES / name).iterdir():
        shutil.copyfile(file, context / file.name)
    if name == "python":
        host_files(context)
    for path in context.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def host_files(context: Path) -> None:
    """Write the host's CA bundle and pip settings into the build context, for the python recipe."""
    (context / "etc" / "ssl" / "certs").mkdir(parents=True)
    if BUNDLE.exists():
        shutil.copyfile(BUNDLE, context / "etc" / "ssl" / "certs" / BUNDLE.name)
    (context / "etc" / "pip.conf").write_text(pip_conf())
