"""The newest image that passed acceptance in another stack, looked up before any resource is declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from contract.images import ACCEPTED, CANDIDATE, CONTENT, SUITE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BUILT = (CANDIDATE, CONTENT)


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptedImage:
    """An image that passed acceptance: its repository, digest, and the commit or tag that it was built as."""

    repository_url: str
    repository_arn: str
    digest: str
    version: str


def newest(repository: str) -> AcceptedImage | None:
    """Return the most recently pushed image with an `accepted-` tag, or None if there is none.

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
        candidates = [aws.ecr.get_image(repository_name=repository, image_tag=tag) for tag in tags.values()]
        details = aws.ecr.get_repository(name=repository)
    except Exception as error:  # errors of provider functions have neither a type nor a code
        reason = " ".join(str(error).split())
        raise pulumi.RunError(f"repository {repository} cannot be read: {reason}") from error
    image = max(candidates, key=lambda candidate: (candidate.image_pushed_at, candidate.image_digest))
    return AcceptedImage(
        repository_url=details.repository_url,
        repository_arn=details.arn,
        digest=image.image_digest,
        version=version_of(image.image_tags),
    )


def version_of(tags: Sequence[str]) -> str:
    """Return an image's version: the commit that it was built from, otherwise its `content-` or `accepted-` tag.

    Args:
        tags: all tags of the image.
    """
    built = sorted(tag for tag in tags if tag.startswith(BUILT) and not tag.endswith(SUITE))
    return (built or sorted(tag for tag in tags if _accepted(tag)))[0].removeprefix(BUILT[0])


def _accepted(tag: str | None) -> bool:
    return (tag or "").startswith(ACCEPTED)
