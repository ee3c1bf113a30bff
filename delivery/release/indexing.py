"""Index: the multi-platform image of a commit, tagged `candidate-<commit>` once every platform has been built.

An index (OCI) or manifest list (Docker) names an image per platform, and whoever runs it takes its own. It is made by
the registry's API from what is in the repository, so that the same images always give the same digest.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from contract.images import CANDIDATE
from contract.pipeline import RELEASE_FILE
from delivery.aws.clients import code
from delivery.errors import DeliveryError
from delivery.release import images
from delivery.release.images import DOCKER_IMAGE, DOCKER_LIST, OCI_IMAGE, OCI_INDEX
from delivery.release.manifest import Image, Manifest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from types_boto3_ecr import ECRClient

    from delivery.console import Say
    from delivery.environment import Environment, Service


def run(ecr: ECRClient, environment: Environment, built: Sequence[Manifest], output: Path, say: Say) -> Manifest:
    """Make each service's index, tag it as the commit's candidate, and write release.json.

    Args:
        ecr: a boto3 `ecr` client.
        environment: whose services must all have been built.
        built: what was built, a manifest a platform.
        output: where the file goes.
        say: takes progress lines.

    Raises:
        DeliveryError: what was built does not belong together, an image is gone, or the commit's tag is on another.
    """
    wanted = {service.name for service in environment.services}
    _check(built, wanted)
    found, commit = {}, built[0].commit
    for name in sorted(wanted):
        repository = built[0].services[name].repository
        digest = _put(ecr, repository, commit, {one.platform: one.services[name].digest for one in built})
        say(f"{name}: {CANDIDATE}{commit} is {digest}, for {', '.join(sorted(one.platform for one in built))}")
        # The build for the platform of the machines that run it has pushed it.
        suite = next((held for one in built if (held := one.services[name].suite)), "")
        found[name] = Image(repository=repository, digest=digest, version=commit, suite=suite)
    release = Manifest(commit=commit, execution=built[0].execution, services=found)
    release.write(output / RELEASE_FILE)
    (output / "release.txt").write_text(release.text() + "\n", "utf-8")
    return release


def _check(built: Sequence[Manifest], wanted: set[str]) -> None:
    """Reject builds that do not belong to one release."""
    platforms = sorted(one.platform for one in built)
    if len(set(platforms)) < len(platforms):
        raise DeliveryError(f"an index has one image a platform, these are {', '.join(platforms)}; give one of each")
    if len({one.commit for one in built}) > 1:
        commits = ", ".join(f"{one.platform} of {one.commit}" for one in built)
        raise DeliveryError(f"an index is of one commit, and these are {commits}; build one commit for all platforms")
    for one in built:
        if set(one.services) != wanted:
            raise DeliveryError(
                f"what was built for {one.platform} holds the services {', '.join(sorted(one.services)) or 'none'}, "
                f"the stack has {', '.join(sorted(wanted))}; bring the stack up, then build the commit again"
            )


def document(parts: Mapping[str, tuple[str, bytes]]) -> tuple[str, str]:
    """Return the media type and text of the index of images by platform (`linux/arm64`: media type and manifest).

    Pure: the same images give the same text. Docker's list where all images are Docker's, else OCI's.
    """
    of_docker = all(kind == DOCKER_IMAGE for kind, _ in parts.values())
    index = DOCKER_LIST if of_docker else OCI_INDEX
    manifests = []
    for platform, (kind, manifest) in sorted(parts.items()):
        system, architecture = platform.split("/")
        manifests.append(
            {
                "mediaType": kind,
                "size": len(manifest),
                "digest": f"sha256:{hashlib.sha256(manifest).hexdigest()}",
                "platform": {"architecture": architecture, "os": system},
            }
        )
    return index, json.dumps({"schemaVersion": 2, "mediaType": index, "manifests": manifests}, indent=2)


def is_part(ecr: ECRClient, service: Service, shown: str, digest: str) -> bool:
    """Tell whether the digest that ECS shows for a task is the index's image for the service's platform.

    Of an index ECS shows either itself or the image that it took from it (which one is documented nowhere).
    """
    return bool(shown and digest) and shown == platforms_of(ecr, service.repository, digest).get(service.platform)


def _put(ecr: ECRClient, repository: str, commit: str, digests: Mapping[str, str]) -> str:
    """Put the index of these digests by platform under the commit's tag; returns its digest."""
    kind, text = document({platform: _read(ecr, repository, digest) for platform, digest in digests.items()})
    tag, digest = CANDIDATE + commit, f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    try:
        ecr.put_image(repositoryName=repository, imageManifest=text, imageManifestMediaType=kind, imageTag=tag)
    except ClientError as error:
        if code(error) not in images.ALREADY:
            raise
        held = images.digest_of(ecr, repository, tag)
        if held != digest:
            raise DeliveryError(
                f"tag {tag} in {repository!r} is on {held}, not on the index {digest} of what was built now; a tag "
                f"never moves and the commit was released for other platforms: push a new commit"
            ) from error
    return digest


def _read(ecr: ECRClient, repository: str, digest: str) -> tuple[str, bytes]:
    """Return an image's media type and manifest."""
    held = images.manifest_of(ecr, repository, digest)
    if held is None:
        raise DeliveryError(f"repository {repository!r} has no image {digest}; it was removed; build the commit again")
    kind, text = held
    if kind not in (DOCKER_IMAGE, OCI_IMAGE):
        raise DeliveryError(f"{digest} in {repository!r} is {kind}, not an image; an index names one image a platform")
    return kind, text.encode()


def platforms_of(ecr: ECRClient, repository: str, digest: str) -> dict[str, str]:
    """Return an index's digests by platform, empty if the digest is a plain image or gone."""
    kind, text = images.manifest_of(ecr, repository, digest) or ("", "")
    if kind not in (OCI_INDEX, DOCKER_LIST):
        return {}
    rows: list[dict[str, Any]] = json.loads(text)["manifests"]
    return {f"{row['platform']['os']}/{row['platform']['architecture']}": str(row["digest"]) for row in rows}
