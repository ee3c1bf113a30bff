"""The marks of images that a stack runs, which keep the lifecycle of the repository from them (`contract.images`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pulumi
from botocore.exceptions import BotoCoreError, ClientError

from contract.images import MEDIA_TYPES, in_use_tag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.clients import Clients

REFERENCE = re.compile(r"[^/]+/(?P<repository>[^@]+)@(?P<digest>sha256:[0-9a-f]{64})")
ALREADY = ("ImageTagAlreadyExistsException", "ImageAlreadyExistsException")


def mark(clients: Clients, stack: str, references: Iterable[str]) -> None:
    """Mark images as in use by a stack; idempotent.

    What cannot be marked is told and does not end the `up`: whoever deploys may not be allowed to tag, and what runs
    goes on running.

    Args:
        clients: AWS clients by service.
        stack: the stack's name.
        references: `<registry>/<repository>@sha256:...` of this account and region; what has no digest is left out.
    """
    for reference in sorted(set(references)):
        match = REFERENCE.fullmatch(reference)
        if not match:
            continue
        repository, digest = match["repository"], match["digest"]
        try:
            _put(clients, repository, digest, in_use_tag(stack, digest))
        except (ClientError, BotoCoreError) as error:
            if not any(code in str(error) for code in ALREADY):
                pulumi.log.warn(f"{repository}@{digest} cannot be marked as in use, and may expire: {error}")


def _put(clients: Clients, repository: str, digest: str, tag: str) -> None:
    ecr = clients("ecr")
    found = ecr.batch_get_image(
        repositoryName=repository, imageIds=[{"imageDigest": digest}], acceptedMediaTypes=[*MEDIA_TYPES]
    )["images"]
    for image in found:
        kind = {"imageManifestMediaType": image["imageManifestMediaType"]} if "imageManifestMediaType" in image else {}
        ecr.put_image(repositoryName=repository, imageManifest=image["imageManifest"], imageTag=tag, **kind)
