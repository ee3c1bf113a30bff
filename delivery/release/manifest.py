"""The release manifest `release.json`, which travels through the pipeline."""

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
# Of the text in a variable of the pipeline, with which an approval's text must stay below CodePipeline's 1,000
# characters: that leaves 360 for the words around it, the commit and a url with the longest of domain names.
TEXT_LIMIT = 640


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """The image of a service; `version` is what the service reports when it runs it.

    `suite` is the digest of the image of its acceptance suite in the same repository, empty if none was pushed.
    """

    repository: str
    digest: str
    version: str
    suite: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A release: a commit, the pipeline execution that built it (or `by-hand`) and an image per service.

    With a `platform` it is no release yet: the images of that platform alone, which an index is made of.
    """

    commit: str
    execution: str
    services: Mapping[str, Image]
    platform: str = ""

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        held = {key: value for key, value in asdict(self).items() if value or key != "platform"}
        held["services"] = {
            name: {key: value for key, value in image.items() if value or key != "suite"}
            for name, image in held["services"].items()
        }
        path.write_text(json.dumps(held, indent=2) + "\n", "utf-8")

    def text(self) -> str:
        """Return `service@digest` for each service, joined by a space: a variable of the pipeline.

        Of many services, as many as have room and how many more there are; release.json holds all.
        """
        parts = [f"{name}@{image.digest}" for name, image in sorted(self.services.items())]
        for shown in range(len(parts), -1, -1):
            text = " ".join([*parts[:shown], *([f"and {len(parts) - shown} more"] if shown < len(parts) else [])])
            if len(text) <= TEXT_LIMIT:
                break
        return text


def shown(text: str) -> dict[str, str]:
    """Return the digests by service from the text of `Manifest.text`; services that did not fit are missing."""
    return {name: digest for name, at, digest in (part.partition("@") for part in text.split()) if at}


def read(path: Path, *, of_platform: bool = False) -> Manifest:
    """Read the manifest of a release, or of a build for a single platform.

    Raises:
        DeliveryError: the file is missing, is no manifest, is of the other kind, or holds what is no commit or digest.
    """
    remedy = "give the release.json that `delivery build` wrote, or use --commit"
    try:
        held = json.loads(path.read_text("utf-8"))
        found = Manifest(
            commit=held["commit"],
            execution=held.get("execution") or BY_HAND,
            services={
                name: Image(
                    repository=image["repository"],
                    digest=image["digest"],
                    version=image["version"],
                    suite=str(image.get("suite") or ""),
                )
                for name, image in held["services"].items()
            },
            platform=str(held.get("platform") or ""),
        )
    except OSError as error:
        raise DeliveryError(f"{path}: {error.strerror}; {remedy}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DeliveryError(f"{path} is no release manifest ({error!r}); {remedy}") from error
    if bool(found.platform) != of_platform:
        what = f"holds the images of {found.platform} alone" if found.platform else "is a release, not of one platform"
        wanted = "what `delivery build --platform` wrote" if of_platform else "what `delivery index` wrote"
        raise DeliveryError(f"{path} {what}; give {wanted}")
    if not COMMIT.fullmatch(found.commit):
        raise DeliveryError(f"{path}: commit is {found.commit!r}, not a commit's hexadecimal number; {remedy}")
    for name, image in found.services.items():
        for digest in (image.digest, *([image.suite] if image.suite else [])):
            if not DIGEST.fullmatch(digest):
                raise DeliveryError(f"{path}: the digest of {name} is {digest!r}, not sha256:<64 digits>; {remedy}")
    return found
