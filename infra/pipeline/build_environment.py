"""The environment of a build project, on CodeBuild's EC2 compute or on its Lambda compute, and its cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_aws as aws

from infra.aws import build_images, platforms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.aws.arns import Home
    from infra.config.pipeline import Pipeline as Section


def on_ec2(
    section: Section, platform: str, variables: Mapping[str, str], home: Home, *, docker: bool, fleet: bool
) -> aws.codebuild.ProjectEnvironmentArgs:
    """Return the environment of a project on EC2 compute: type, image, compute type, fleet and variables.

    Args:
        section: `slipway:pipeline`.
        platform: such as `linux/amd64`.
        variables: environment variables of its builds.
        home: the account and region.
        docker: whether builds have a Docker daemon.
        fleet: whether builds run on the fleet that is configured.
    """
    arn, is_private = section.fleet_arn, build_images.repository_arn(section.image, home) is not None
    return aws.codebuild.ProjectEnvironmentArgs(
        type=platforms.ENVIRONMENT_TYPES[platform],
        image=section.image or platforms.BUILD_IMAGES[platform],
        # CodeBuild's own credentials, the default, need a policy of the repository that trusts CodeBuild.
        image_pull_credentials_type="SERVICE_ROLE" if is_private else None,
        compute_type=section.compute_type,
        fleet=aws.codebuild.ProjectEnvironmentFleetArgs(fleet_arn=arn) if fleet and arn else None,
        privileged_mode=docker,
        environment_variables=_variables(variables),
    )


def on_lambda(platform: str, variables: Mapping[str, str]) -> aws.codebuild.ProjectEnvironmentArgs:
    """Return the environment of a project on Lambda compute.

    It has AWS's image: `slipway:pipeline.image` is one for builds with a Docker daemon. Privileged mode and fleets are
    of EC2 compute (CodeBuild user guide, "Limitations of AWS Lambda compute"; API_CreateFleet, environmentType).

    Args:
        platform: such as `linux/amd64`.
        variables: environment variables of its builds.
    """
    return aws.codebuild.ProjectEnvironmentArgs(
        type=platforms.LAMBDA_ENVIRONMENT_TYPES[platform],
        image=platforms.LAMBDA_BUILD_IMAGES[platform],
        compute_type=platforms.LAMBDA_COMPUTE_TYPE,
        privileged_mode=False,
        environment_variables=_variables(variables),
    )


def cache(*, docker: bool) -> aws.codebuild.ProjectCacheArgs:
    """Return a local cache of the buildspec's cache paths and, with a Docker daemon, of image layers."""
    modes = ["LOCAL_CUSTOM_CACHE", *(["LOCAL_DOCKER_LAYER_CACHE"] if docker else [])]
    return aws.codebuild.ProjectCacheArgs(type="LOCAL", modes=modes)


def _variables(values: Mapping[str, str]) -> list[aws.codebuild.ProjectEnvironmentEnvironmentVariableArgs]:
    return [
        aws.codebuild.ProjectEnvironmentEnvironmentVariableArgs(name=key, value=value) for key, value in values.items()
    ]
