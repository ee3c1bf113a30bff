"""Which image another stack's acceptance has passed: looked up before anything is created."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
from pulumi.runtime.sync_await import _sync_await

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ACCEPTED = "accepted-"
BUILT = ("content-", "candidate-")


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptedImage:
    """An image that passed acceptance, where it lies, and the tag it was built as."""

    repository_url: str
    repository_arn: str
    digest: str
    version: str


class ImageStack:
    """The stack that holds the image repositories: the only values that cross stacks are names."""

    def __init__(self, qualified_name: str, *, asked_by: str) -> None:
        """Refer to a stack.

        Args:
            qualified_name: `organization/project/stack`.
            asked_by: the file and key that name it, for messages.
        """
        self._asked_by = asked_by
        self.stack = qualified_name.rsplit("/", 1)[-1]
        self._reference = pulumi.StackReference(qualified_name)

    def repositories(self) -> dict[str, str]:
        """Return the repository's name of each service.

        Raises:
            pulumi.RunError: the stack cannot be read, or has no repositories (never brought up).
        """
        stack = self.stack
        try:
            # Read now rather than as an Output: a refusal must come before the first resource is asked for.
            details = _sync_await(self._reference.get_output_details("repository_urls"))
        except Exception as error:
            reason = " ".join(str(error).split())
            raise pulumi.RunError(f"{self._asked_by}: stack {stack} cannot be read: {reason}") from error
        if not details.value:
            raise pulumi.RunError(
                f"{self._asked_by}: stack {stack} has no image repositories; run: pulumi up -s {stack}"
            )
        return {service: url.split("/", 1)[1] for service, url in dict(details.value).items()}


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
    """Return the tag that an image was built as, else the one it was accepted as."""
    built = sorted(tag for tag in tags if tag.startswith(BUILT))
    return (built or sorted(tag for tag in tags if _accepted(tag)))[0]


def _accepted(tag: str | None) -> bool:
    return (tag or "").startswith(ACCEPTED)
