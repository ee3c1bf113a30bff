"""The image of a build: AWS's own, one of the local registry, or another."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localcloud.iam.authority import DeniedError
from localcloud.services.codebuild.phase_error import PhaseError
from localcloud.services.ecs.image_pulls import LOCAL_REGISTRY

if TYPE_CHECKING:
    from localcloud.context import Context
    from localcloud.services.codebuild.build import Build

ECR = re.compile(r"(?P<account>\d{12})\.dkr[.-]ecr\.[a-z0-9-]+\.(?:amazonaws\.com(?:\.cn)?|on\.aws)/(?P<image>.+)")
CODE = "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE"


def reference(ctx: Context, name: str) -> str:
    """Return where an image is: a URI of this account's private registry on AWS means the local registry."""
    found = ECR.fullmatch(name)
    if found is None or found["account"] != ctx.account:
        return name
    return f"{ctx.endpoint.partition('://')[2]}/{found['image']}"


def authorize(run: Build, image: str) -> None:
    """Require that a build may log in to the registry that its image is private in; the pull is decided there.

    CodeBuild's own credentials (CODEBUILD) work with a policy of the repository only, which is not evaluated here.

    Raises:
        PhaseError: it may not.
    """
    if not LOCAL_REGISTRY.match(image):
        return
    if run.build["environment"].get("imagePullCredentialsType") != "SERVICE_ROLE":
        text = f"{image} is private: set imagePullCredentialsType to SERVICE_ROLE"
        raise PhaseError(CODE, f"Unable to pull customer's container image. CannotPullContainerError: {text}")
    try:
        run.require("ecr:GetAuthorizationToken", "*")
    except DeniedError as error:
        raise PhaseError(CODE, f"Unable to pull customer's container image. {error}") from error
