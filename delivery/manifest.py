"""The release manifest `release.json`: what a release is, as it travels through the pipeline."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

COMMIT = re.compile(r"[0-9a-f]{7,64}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
BY_HAND = "by-hand"


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """A service's image; `version` is what the service tells of itself when it runs it."""

    repository: str
    digest: str
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A release: a commit, the pipeline execution that built it (or `by-hand`) and an image per service."""

    commit: str
    execution: str
    services: Mapping[str, Image]

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")

    def text(self) -> str:
        """Return `service@digest` for each service, joined by a space: a variable of the pipeline."""
        return " ".join(f"{name}@{image.digest}" for name, image in sorted(self.services.items()))


def read(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        DeliveryError: the file is missing, is no manifest, or holds what is no commit or digest.
    """
    remedy = "give the release.json that `delivery build` wrote, or use --commit"
    try:
        held = json.loads(path.read_text("utf-8"))
        found = Manifest(
            commit=held["commit"],
            execution=held.get("execution") or BY_HAND,
            services={
                name: Image(repository=image["repository"], digest=image["digest"], version=image["version"])
                for name, image in held["services"].items()
            },
        )
    except OSError as error:
        raise DeliveryError(f"{path}: {error.strerror}; {remedy}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DeliveryError(f"{path} is no release manifest ({error!r}); {remedy}") from error
    if not COMMIT.fullmatch(found.commit):
        raise DeliveryError(f"{path}: commit is {found.commit!r}, not a commit's hexadecimal number; {remedy}")
    for name, image in found.services.items():
        if not DIGEST.fullmatch(image.digest):
            raise DeliveryError(f"{path}: the digest of {name} is {image.digest!r}, not sha256:<64 digits>; {remedy}")
    return found
