"""Emulation of linux/arm64 on an x86 machine by QEMU, for builds and tasks; enabled by `localcloud emulate`.

The kernel runs every program of that architecture by QEMU (binfmt_misc), also in containers; its base images are
separate stand-ins. Both are checked on each use, since a reboot removes the registration.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from docker.errors import ImageNotFound

from localcloud import settings
from localcloud.docker_engine import dockerd, images
from localcloud.docker_engine.base_images import STAND_INS as NATIVE
from localcloud.docker_engine.base_images import Images, registry_answers
from localcloud.settings import NAME, UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    import docker

PLATFORM, ARCHITECTURE, DOCKERS_NAME = "linux/arm64", "aarch64", "arm64"
KERNELS = {"amd64": "x86_64", DOCKERS_NAME: ARCHITECTURE}
HANDLERS = Path("/proc/sys/fs/binfmt_misc")
OWN = HANDLERS / f"{NAME}-arm64"
INTERPRETER = "qemu-aarch64-static"
# The ELF header of a program for the architecture, and its mask (the same as in Debian's qemu-user-static).
MAGIC = "7f454c460201010000000000000000000200b700"
MASK = "ffffffffffffff00fffffffffffffffffeffffff"
PACKAGES = ("qemu-user-static", "arch-test", "mmdebstrap")
COMMAND = f"{settings.COMMAND} emulate"
BASE = f"{images.BASE}-arm64"
STAND_INS = Images(
    python=f"{NATIVE.python}-arm64",
    postgres=f"{NATIVE.postgres}-arm64",
    haproxy=NATIVE.haproxy,
    codebuild=f"{NATIVE.codebuild}-arm64",
)


def runs(client: docker.DockerClient) -> set[str]:
    """Return the architectures that can run here, by the kernel's names: the native one, and an emulated one."""
    own = architecture(client)
    return {own, ARCHITECTURE} if own == ARCHITECTURE or ready(client) else {own}


def architecture(client: docker.DockerClient) -> str:
    """Return the Docker daemon's native architecture, by the kernel's name: `x86_64`."""
    name = str(client.version()["Arch"])  # faster than `info`, which counts containers
    return KERNELS.get(name, name)


def ready(client: docker.DockerClient) -> bool:
    """Tell whether QEMU is registered in the kernel and the stand-in images exist."""
    if not handled():
        return False
    try:
        return bool(client.images.get(STAND_INS.codebuild) and client.images.get(STAND_INS.python))
    except ImageNotFound:
        return False


def base_images(client: docker.DockerClient, kind: str, known: dict[str, str]) -> dict[str, str]:
    """Return the names of the base images by variable, for builds of an environment type (`ARM_CONTAINER`)."""
    return known | STAND_INS.environment() if variables(client, kind) else known


def variables(client: docker.DockerClient, kind: str) -> dict[str, str]:
    """Return the variables that make builds of an environment type use the emulated platform; else none.

    `BUILD_ARGS` lists the build arguments whose values override the stack's: those name the base images of the native
    platform.
    """
    if not kind.startswith("ARM") or architecture(client) == ARCHITECTURE:
        return {}
    named = {"PYTHON_IMAGE": STAND_INS.python, "POSTGRES_IMAGE": STAND_INS.postgres}
    return {"DOCKER_DEFAULT_PLATFORM": PLATFORM, "BUILD_ARGS": json.dumps(named)}


def handled(folder: Path = HANDLERS) -> bool:
    """Tell whether QEMU is registered with flag F, so that containers need no interpreter of their own."""
    for file in folder.iterdir() if folder.is_dir() else ():
        lines = file.read_text("utf-8", "replace").splitlines() if file.name != "register" else []
        fields = dict(line.split(" ", 1) for line in lines if " " in line)
        if lines[:1] == ["enabled"] and fields.get("magic") == MAGIC and "F" in fields.get("flags:", ""):
            return True
    return False


def ensure(client: docker.DockerClient, cache: Path, say: Callable[[str], None]) -> None:
    """Register QEMU and build the stand-in images of the other architecture, unless they exist.

    Args:
        client: the Docker daemon.
        cache: folder outside the repository for downloaded packages.
        say: takes progress lines.

    Raises:
        UserError: with the remedy.
    """
    if architecture(client) == ARCHITECTURE:
        say(f"this machine runs {PLATFORM} itself; there is nothing to emulate")
        return
    if registry_answers():
        raise UserError(
            "emulation is tried with stand-in images only, and a public registry answers here; "
            f"run: LOCALCLOUD_IMAGES=stand-in {COMMAND}, and everything else with LOCALCLOUD_IMAGES=stand-in too"
        )
    register(say)
    recipe = images.digest_of(BASE, images.SUITE, images.INCLUDE)
    if images.recipe_of(client, BASE) != recipe:
        base(client, cache, recipe, say)
    parent, arguments = recipe, {"BASE": BASE}
    for name, image, expected in (
        ("python", STAND_INS.python, "20 s"),
        ("postgres", STAND_INS.postgres, "3 minutes"),
        ("codebuild", STAND_INS.codebuild, "2 minutes"),
    ):
        own = images.digest_of(parent, image, *images.texts(images.RECIPES / name))
        if images.recipe_of(client, image) != own:
            images.build(client, image, name, arguments, own, f"{expected}, emulated", say, platform=PLATFORM)
        if name == "python":
            parent, arguments = own, {"PYTHON_IMAGE": image}
    say(f"{PLATFORM} runs here by emulation: CodeBuild takes ARM_CONTAINER, ECS takes ARM64")


def register(say: Callable[[str], None]) -> None:
    """Register QEMU in the kernel for programs of the architecture, until the next reboot.

    Raises:
        UserError: the user is not root, QEMU cannot be installed, or the kernel has no binfmt_misc.
    """
    if handled():
        return
    if os.geteuid() != 0:
        raise UserError(f"only root can register an emulator in the kernel: run as root: {COMMAND}")
    if not all(shutil.which(name) for name in (INTERPRETER, "arch-test", "mmdebstrap")):
        say(f"installing {', '.join(PACKAGES)} (Debian packages, 65 MB)")
        dockerd.apt_install(list(PACKAGES))
    path = shutil.which(INTERPRETER)
    if not (HANDLERS / "register").exists():
        mounted = ["mount", "-t", "binfmt_misc", "binfmt_misc", str(HANDLERS)]
        if subprocess.run(mounted, capture_output=True, check=False).returncode:
            raise UserError("the kernel offers no binfmt_misc, so it can emulate nothing; build linux/arm64 on AWS")
    if not handled():
        text = "".join(f"\\x{pair}" for pair in map("".join, zip(MAGIC[::2], MAGIC[1::2], strict=True)))
        mask = "".join(f"\\x{pair}" for pair in map("".join, zip(MASK[::2], MASK[1::2], strict=True)))
        try:
            (HANDLERS / "register").write_text(f":{OWN.name}:M::{text}:{mask}:{path}:OF", "ascii")
        except OSError as error:
            raise UserError(f"the kernel refused {path} as an emulator: {error.strerror}; build on AWS") from error


def forget(say: Callable[[str], None]) -> None:
    """Remove our registration from the kernel; programs of the architecture then no longer start, also in containers.

    Raises:
        UserError: the user is not root.
    """
    try:
        OWN.write_text("-1", "ascii")
    except FileNotFoundError:
        say("nothing is registered by the local cloud")
    except OSError as error:
        raise UserError(f"{OWN}: {error.strerror}; run as root: {COMMAND} --off") from error
    else:
        say(f"{PLATFORM} no longer runs here; its images stay until: {settings.COMMAND} reset --all")


def base(client: docker.DockerClient, cache: Path, recipe: str, say: Callable[[str], None]) -> None:
    """Build the Debian base of the stand-ins."""
    say(f"{BASE}: building from Debian packages (about 5 minutes, emulated, 220 MB)")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        images.bootstrap(Path(folder) / "base.tar", cache / "images" / "packages-arm64", "--architectures=arm64")
        # `docker import` would label the image with the native architecture.
        (Path(folder) / "Dockerfile").write_text('FROM scratch\nADD base.tar /\nCMD ["bash"]\n')
        labels = {images.RECIPE_LABEL: recipe}
        client.images.build(path=folder, tag=BASE, platform=PLATFORM, labels=labels, rm=True, forcerm=True)
    say(f"{BASE}: built in {time.monotonic() - started:.0f} s")
