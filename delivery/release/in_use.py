"""The marks of images that a stack runs or may go back to, which keep the lifecycle of the repository from them.

An image gets the mark of a stack when it begins to run there, whatever put it there: `pulumi up`
(`infra/live/images_in_use.py`), the pipeline (with `promote`), a deploy or a rollback by hand. `delivery clean` takes
the mark away again from what no revision of the stack refers to any more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from contract.images import IN_USE, in_use_tag
from delivery.release import images

if TYPE_CHECKING:
    from collections.abc import Container

    from types_boto3_ecr import ECRClient

    from delivery.aws.clients import Clients
    from delivery.release.manifest import Manifest


def mark(ecr: ECRClient, stack: str, repository: str, digest: str) -> None:
    """Mark an image as in use by a stack; idempotent.

    Raises:
        DeliveryError: the repository has no such image.
    """
    images.mark(ecr, repository, digest, in_use_tag(stack, digest))


def mark_release(clients: Clients, stack: str, manifest: Manifest) -> None:
    """Mark every image of a release as in use by a stack.

    Raises:
        DeliveryError: an image is gone.
    """
    for _, image in sorted(manifest.services.items()):
        mark(clients("ecr"), stack, image.repository, image.digest)


def unmark(ecr: ECRClient, stack: str, repository: str, kept: Container[str]) -> int:
    """Take a stack's mark from the images of a repository, but for those whose digest is kept.

    An image without another tag keeps its mark, since ECR deletes an image with its last tag (BatchDeleteImage).

    Returns:
        How many marks were taken away.
    """
    pattern, count = re.compile(rf"{re.escape(IN_USE + stack)}-[0-9a-f]{{12}}"), 0
    for page in ecr.get_paginator("describe_images").paginate(
        repositoryName=repository, filter={"tagStatus": "TAGGED"}
    ):
        for image in page["imageDetails"]:
            tags = image.get("imageTags", [])
            own = [tag for tag in tags if pattern.fullmatch(tag)]
            if own and len(tags) > len(own) and image["imageDigest"] not in kept:
                ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": tag} for tag in own])
                count += len(own)
    return count
