"""The newest image that passed acceptance in another stack: looked up before anything is created."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from contract.images import ACCEPTED, CANDIDATE, CONTENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BUILT = (CANDIDATE, CONTENT)


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptedImage:
    """An image that passed acceptance, where it lies, and what it was built from."""

    repository_url: str
    repository_arn: str
    digest: str
    version: str


def newest(repository: str) -> AcceptedImage | None:
    """Return the newest pushed of the images with an `accepted-` tag, or None when there is none.

    Args:
        repository: the repository's name in this account and region.

    Raises:
        pulumi.RunError: the repository cannot be read.
    """
    try:
        images = aws.ecr.get_images(repository_name=repository).image_ids
        tags: Mapping[str, str] = {
            image.image_digest: image.image_tag for image in images if _accepted(image.image_tag)
        }
        if not tags:
            return None
        found = [aws.ecr.get_image(repository_name=repository, image_tag=tag) for tag in tags.values()]
        held = aws.ecr.get_repository(name=repository)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise pulumi.RunError(f"repository {repository} cannot be read: {reason}") from error
    image = max(found, key=lambda candidate: (candidate.image_pushed_at, candidate.image_digest))
    return AcceptedImage(
        repository_url=held.repository_url,
        repository_arn=held.arn,
        digest=image.image_digest,
        version=version_of(image.image_tags),
    )


def version_of(tags: Sequence[str]) -> str:
    """Return the commit that an image was built from, else the tag it was built as, else accepted as."""
    built = sorted(tag for tag in tags if tag.startswith(BUILT))
    return (built or sorted(tag for tag in tags if _accepted(tag)))[0].removeprefix(BUILT[0])


def _accepted(tag: str | None) -> bool:
    return (tag or "").startswith(ACCEPTED)
