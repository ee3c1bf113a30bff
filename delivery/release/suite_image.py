"""The image that a test suite runs in: a build stage of the service's Dockerfile, or an image by name."""

from __future__ import annotations

import secrets
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract import dockerfile
from delivery import process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from delivery.console import Say
    from delivery.environment import Service

PLAIN = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
"""The environment variables of a build whose image is pushed: an image, not an index of one and its attestations."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteImage:
    """The image of a suite of a service, and its command, empty for the image's own.

    `target` is the build stage (`dockerfile.LAST` is the last), None if `image` is one by name. `root` is the folder
    that image contexts are relative to.
    """

    service: Service
    root: Path
    target: str | None
    image: str = ""
    command: tuple[str, ...] = ()

    @contextmanager
    def built(self, what: str, say: Say, pulled: Callable[[str], bool] | None = None) -> Iterator[str]:
        """Build the image if it is a stage, and yield its name; a built one is removed at the end.

        Args:
            what: of the suite, for progress lines.
            say: takes progress lines.
            pulled: gives an image built before the name that it is called with, or returns False; None: there is none.

        Raises:
            DeliveryError: the image cannot be built; the failing step is in the message.
        """
        if self.target is None:
            yield self.image
            return
        name = f"slipway-suite/{self.service.name}:{secrets.token_hex(4)}"
        try:
            if pulled is None or not pulled(name):
                self._build(self.target, name, what, say)
            yield name
        finally:
            # The layers stay, as the cache of the next build.
            subprocess.run(["docker", "rmi", "--no-prune", name], capture_output=True, check=False)

    def _build(self, target: str, name: str, what: str, say: Say) -> None:
        say(f"{self.service.name}: building {what} (a minute or two the first time)")
        arguments = [f"--build-arg={key}={value}" for key, value in sorted(self.service.build_args.items())]
        command = build_command(self.service, self.root, target, name, arguments)
        process.quietly(command, f"{self.service.name}: building {what}", say, PLAIN)

    def run_command(self, name: str, *options: str) -> list[str]:
        """Return the docker command that runs the suite in an image; its command replaces the image's entry point."""
        entry_point = [f"--entrypoint={self.command[0]}"] if self.command else []
        return ["docker", "run", "--rm", *options, *entry_point, name, *self.command[1:]]


def of_acceptance(service: Service, root: Path) -> SuiteImage | None:
    """Return the image of a service's acceptance suite: the configured one or the stage `acceptance`, None for neither.

    Raises:
        DeliveryError: the Dockerfile does not exist.
    """
    if service.acceptance:
        return of_key(service, root, service.acceptance, dockerfile.ACCEPTANCE)
    if has_stage(service, root, dockerfile.ACCEPTANCE):
        return SuiteImage(service=service, root=root, target=dockerfile.ACCEPTANCE)
    return None


def of_key(service: Service, root: Path, key: dict[str, object], stage: str) -> SuiteImage:
    """Return the image of a configured suite.

    Args:
        service: the service.
        root: the folder that image contexts are relative to.
        key: what is configured: `target`, `image` and `command`.
        stage: the build stage without `target` and `image`, if the Dockerfile has it; else the release image's.
    """
    words = key.get("command") or ()
    command = tuple(map(str, words)) if isinstance(words, list | tuple) else ()
    if image := key.get("image"):
        return SuiteImage(service=service, root=root, target=None, image=str(image), command=command)
    target = str(key.get("target") or (stage if has_stage(service, root, stage) else service.target))
    return SuiteImage(service=service, root=root, target=target, command=command)


def has_stage(service: Service, root: Path, stage: str) -> bool:
    """Return whether a service's Dockerfile has a build stage.

    Raises:
        DeliveryError: the Dockerfile does not exist.
    """
    path = dockerfile_of(service, root)
    found = dockerfile.read(path, service.build_args)
    return found is not None and stage in found.names


def dockerfile_of(service: Service, root: Path) -> Path:
    """Return the path of a service's Dockerfile.

    Raises:
        DeliveryError: it does not exist.
    """
    path = root / service.context / service.dockerfile
    return process.require(path, "the stack names it as the Dockerfile")


def build_command(service: Service, root: Path, target: str, tag: str, options: list[str]) -> list[str]:
    """Return the docker command that builds a stage of a service's Dockerfile; an empty target is the last one.

    Raises:
        DeliveryError: the Dockerfile does not exist.
    """
    stage = [f"--target={target}"] if target != dockerfile.LAST else []
    file = f"--file={dockerfile_of(service, root)}"
    return ["docker", "build", *stage, f"--tag={tag}", file, *options, str(root / service.context)]
