"""Acceptance: each service's own suite, in a container outside the environment, against the real URL."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Any

from delivery import running
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from pathlib import Path

    from delivery.environment import Environment, Service

ACCEPTED = "accepted-"


def run(clients: Any, environment: Environment, *, root: Path, reports: Path, safe_only: bool) -> None:  # noqa: ANN401
    """Run the acceptance suite of every service; mark the images that passed as accepted.

    Args:
        clients: a callable from AWS service name to boto3 client.
        environment: what to test, as `delivery.environment.read` returns it.
        root: folder that the services' image contexts are relative to (the project's root).
        reports: folder for JUnit results, one sub-folder a service.
        safe_only: only the tests that change nothing; the image is then not marked.

    Raises:
        DeliveryError: a suite failed or could not be built; nothing was marked for that service.
    """
    for service in environment.services:
        digest, version = running.release(clients("ecs"), environment.cluster, service.ecs_service)
        image = _build(service, root)
        variables = {"BASE_URL": environment.url, "EXPECTED_DIGEST": digest, "EXPECTED_VERSION": version}
        variables |= {"SAFE_ONLY": "1"} if safe_only else {}
        _test(service.name, image, variables, reports / service.name)
        if not safe_only:
            tag = mark(clients("ecr"), service.repository, digest)
            print(f"{service.name}: {digest} is tagged {tag}", flush=True)


def mark(ecr: Any, repository: str, digest: str) -> str:  # noqa: ANN401 - boto3's clients have no static type
    """Give an image the tag that production asks for; doing so twice changes nothing.

    Args:
        ecr: a boto3 `ecr` client.
        repository: the repository's name.
        digest: `sha256:...` of the image.

    Returns:
        The tag: `accepted-` and what follows the first dash of the tag that the image was pushed under.

    Raises:
        DeliveryError: the repository has no such image, or it has no tag to derive the name from.
    """
    try:
        described = ecr.describe_images(repositoryName=repository, imageIds=[{"imageDigest": digest}])
        tags = sorted(described["imageDetails"][0].get("imageTags", []))
    except (ecr.exceptions.ImageNotFoundException, IndexError) as gone:
        raise DeliveryError(f"repository {repository!r} has no image {digest}; it was removed while it ran") from gone
    if done := [tag for tag in tags if tag.startswith(ACCEPTED)]:
        return str(done[0])
    pushed = [tag for tag in tags if "-" in tag]
    if not pushed:
        raise DeliveryError(f"image {digest} in {repository!r} has no tag like content-<hash> or candidate-<commit>")
    tag = ACCEPTED + str(pushed[0]).split("-", 1)[1]
    got = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageDigest": digest}])["images"][0]
    media_type = {"imageManifestMediaType": got["imageManifestMediaType"]} if "imageManifestMediaType" in got else {}
    ecr.put_image(repositoryName=repository, imageManifest=got["imageManifest"], imageTag=tag, **media_type)
    return tag


def _build(service: Service, root: Path) -> str:
    """Build the service's `acceptance` target with the build arguments of its stack; returns the image's name."""
    image = f"slipway-acceptance/{service.name}"
    dockerfile = root / service.context / service.dockerfile
    arguments = [f"--build-arg={key}={value}" for key, value in sorted(service.build_args.items())]
    command = ["docker", "build", "--target=acceptance", f"--tag={image}", f"--file={dockerfile}", *arguments]
    command.append(str(root / service.context))
    print(f"{service.name}: building the acceptance suite (a minute or two the first time)", flush=True)
    started = time.monotonic()
    built = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if built.returncode:
        print(built.stdout)
        raise DeliveryError(
            f"target acceptance of {service.context}/{service.dockerfile} does not build; its output is above"
        )
    print(f"{service.name}: built in {time.monotonic() - started:.0f} s", flush=True)
    return image


def _test(name: str, image: str, variables: dict[str, str], reports: Path) -> None:
    """Run a built suite with these environment variables; its JUnit results go to `reports`."""
    reports.mkdir(parents=True, exist_ok=True)
    settings = [f"--env={key}={value}" for key, value in variables.items()]
    # The host's network: the suite comes from outside the environment and reaches every address the host reaches.
    command = ["docker", "run", "--rm", "--network=host", f"--volume={reports.resolve()}:/reports", *settings, image]
    if code := subprocess.run(command, check=False).returncode:
        raise DeliveryError(f"acceptance of {name} at {variables['BASE_URL']} failed (exit {code}); report: {reports}")
