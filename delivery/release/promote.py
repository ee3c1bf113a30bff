"""Promote: mark a release's images as accepted (by staging) or released (to production), by tags that never move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.images import ACCEPTED, RELEASED
from delivery.errors import DeliveryError
from delivery.release import images
from delivery.release.manifest import BY_HAND

if TYPE_CHECKING:
    from delivery.aws.clients import Clients
    from delivery.console import Say
    from delivery.release.manifest import Manifest

KINDS = ("accepted", "released")


def run(clients: Clients, manifest: Manifest, kind: str, execution: str, say: Say) -> None:
    """Tag every image of a release.

    Args:
        clients: from AWS service name to boto3 client.
        manifest: the release.
        kind: `accepted` or `released`.
        execution: the pipeline execution that released it; the tag of a release ends with its first 8 characters.
        say: takes progress lines.

    Raises:
        DeliveryError: an image is gone, or its tag is on another image: both digests are named.
    """
    for name, image in sorted(manifest.services.items()):
        tag = name_of(kind, manifest.commit, execution)
        new = images.mark(clients("ecr"), image.repository, image.digest, tag)
        say(f"{name}: {image.digest} {'is now' if new else 'was already'} tagged {tag}")


def name_of(kind: str, commit: str, execution: str) -> str:
    """Return the tag's name."""
    if kind == "accepted":
        return ACCEPTED + commit
    if not execution or execution == BY_HAND:
        raise DeliveryError("a release is tagged with its pipeline execution; give it: --execution ID")
    return f"{RELEASED}{commit}-{execution[: images.EXECUTION_SHOWN]}"
