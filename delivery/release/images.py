"""Images in ECR: looked up by tag or commit, and tagged by what they have passed (`contract.images`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from contract import images as contract
from contract.images import ACCEPTED, CANDIDATE, RELEASED
from delivery.aws.clients import code
from delivery.errors import DeliveryError
from delivery.release.manifest import BY_HAND, Image, Manifest

if TYPE_CHECKING:
    from types_boto3_ecr import ECRClient
    from types_boto3_ecr.type_defs import ImageDetailTypeDef, ImageIdentifierTypeDef

    from delivery.environment import Environment

COMMIT_TAG = re.compile(rf"(?:{CANDIDATE}|{ACCEPTED})([0-9a-f]{{7,64}})|{RELEASED}([0-9a-f]{{7,64}})-[0-9a-z]+")
MISSING = ("ImageNotFoundException",)
ALREADY = ("ImageTagAlreadyExistsException", "ImageAlreadyExistsException")
EXECUTION_SHOWN = 8
OCI_IMAGE, OCI_INDEX = contract.OCI_IMAGE, contract.OCI_INDEX
DOCKER_IMAGE, DOCKER_LIST = contract.DOCKER_IMAGE, contract.DOCKER_LIST
MEDIA_TYPES = [*contract.MEDIA_TYPES]


def digest_of(ecr: ECRClient, repository: str, tag: str) -> str | None:
    """Return the digest of a tag, None if the repository has no such tag."""
    found = describe(ecr, repository, {"imageTag": tag})
    return str(found["imageDigest"]) if found else None


def describe(ecr: ECRClient, repository: str, image: ImageIdentifierTypeDef) -> ImageDetailTypeDef | None:
    """Return the details of an image by `imageTag` or `imageDigest`, None if there is none.

    Raises:
        DeliveryError: there is no such repository.
    """
    try:
        found = ecr.describe_images(repositoryName=repository, imageIds=[image])["imageDetails"]
    except ClientError as error:
        if code(error) in MISSING:
            return None
        if code(error) == "RepositoryNotFoundException":
            raise DeliveryError(
                f"there is no repository {repository!r} in this account and region; run: pulumi up of its stack"
            ) from error
        raise
    return found[0] if found else None


def of_commit(ecr: ECRClient, environment: Environment, commit: str) -> Manifest:
    """Return the release of a commit by the images that carry its tags.

    Args:
        ecr: a boto3 `ecr` client.
        environment: whose services' repositories are searched.
        commit: the whole commit or its first characters, seven at least.

    Raises:
        DeliveryError: a service has no image of the commit, or the characters fit several commits.
    """
    held = {service.name: _by_commit(ecr, service.repository, commit) for service in environment.services}
    commits = {one for found in held.values() for one in found}
    if len(commits) > 1:
        raise DeliveryError(f"{commit!r} fits the commits {', '.join(sorted(commits))}; give more characters")
    for service in environment.services:
        if not held[service.name]:
            raise DeliveryError(
                f"repository {service.repository!r} has no image tagged {CANDIDATE}{commit}, {ACCEPTED}{commit} or "
                f"{RELEASED}{commit}-...; build it: delivery build --stack {environment.stack} --commit {commit}"
            )
    full = commits.pop()
    services = {
        service.name: Image(repository=service.repository, digest=held[service.name][full], version=full)
        for service in environment.services
    }
    return Manifest(commit=full, execution=BY_HAND, services=services)


def _by_commit(ecr: ECRClient, repository: str, commit: str) -> dict[str, str]:
    """Return digests by commit of the images whose commit has this prefix; an exact candidate tag wins."""
    exact = digest_of(ecr, repository, CANDIDATE + commit)
    if exact:
        return {commit: exact}
    found: dict[str, str] = {}
    for page in ecr.get_paginator("describe_images").paginate(
        repositoryName=repository, filter={"tagStatus": "TAGGED"}
    ):
        for image in page["imageDetails"]:
            for tag in image.get("imageTags", []):
                match = COMMIT_TAG.fullmatch(tag)
                one = (match[1] or match[2]) if match else ""
                if one and one.startswith(commit):
                    found[one] = str(image["imageDigest"])
    return found


def tags_of(ecr: ECRClient, repository: str, digest: str) -> list[str]:
    """Return the sorted tags of an image, empty if it is gone."""
    found = describe(ecr, repository, {"imageDigest": digest})
    return sorted(found.get("imageTags", [])) if found else []


def mark(ecr: ECRClient, repository: str, digest: str, tag: str) -> bool:
    """Tag an image; idempotent.

    Returns:
        True when the tag is new, False when the image had it.

    Raises:
        DeliveryError: the repository has no such image, or the tag names another one.
    """
    held = digest_of(ecr, repository, tag)
    if held is None:
        held = _put(ecr, repository, digest, tag)
        if held is None:
            return True
    if held != digest:
        raise DeliveryError(
            f"tag {tag} in {repository!r} is on {held}, not on {digest}; a tag never moves: "
            f"push a new commit, or delete that image if it serves nowhere"
        )
    return False


def _put(ecr: ECRClient, repository: str, digest: str, tag: str) -> str | None:
    """Put the tag; return None if that worked, else the digest that someone else has tagged with it."""
    held = manifest_of(ecr, repository, digest)
    if held is None:
        raise DeliveryError(f"repository {repository!r} has no image {digest}; it was removed; build the commit again")
    kind = {"imageManifestMediaType": held[0]} if held[0] else {}
    try:
        ecr.put_image(repositoryName=repository, imageManifest=held[1], imageTag=tag, **kind)
    except ClientError as error:
        if code(error) not in ALREADY:
            raise
        return digest_of(ecr, repository, tag)
    return None


def manifest_of(ecr: ECRClient, repository: str, digest: str) -> tuple[str, str] | None:
    """Return the media type and manifest of an image or index as pushed, None if it is gone."""
    got = ecr.batch_get_image(
        repositoryName=repository, imageIds=[{"imageDigest": digest}], acceptedMediaTypes=MEDIA_TYPES
    ).get("images", [])
    return (str(got[0].get("imageManifestMediaType", "")), str(got[0]["imageManifest"])) if got else None
