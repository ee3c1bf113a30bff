"""Rules for `slipway:pipeline` that its fields cannot express."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.aws import build_images
from infra.aws.platforms import BY_CPU_ARCHITECTURE, LAMBDA_REGIONS
from infra.config.errors import Location, Problem
from infra.config.secrets import GITHUB_OWNER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from infra.config.environment import Service
    from infra.config.pipeline import Pipeline
    from infra.config.stack import StackConfig

# Prefix of AWS's curated CodeBuild images; each is for one CPU architecture.
CODEBUILD_IMAGE_PREFIX = "aws/codebuild/"
PIPELINE: Location = ("pipeline",)
MOST_RULES = 5
"""Rules of a condition (CodePipeline user guide, "Quotas")."""
STAGING: Location = ("pipeline", "staging")
TRIGGER: tuple[Location, ...] = (("pipeline", "trigger"),)
REPOSITORY: Location = ("pipeline", "repository")


def check(config: StackConfig) -> Iterator[Problem]:
    """Yield the problems of the section `slipway:pipeline`."""
    pipeline = config.pipeline
    if pipeline is None:
        return
    yield from _owner(pipeline, config.github_owner)
    yield from _approval(pipeline)
    if pipeline.connection_arn is not None and pipeline.trigger != "connection":
        yield Problem(
            (*PIPELINE, "connection_arn"), "is set together with trigger: webhook, which uses none; remove it", TRIGGER
        )
    yield from _alarms(pipeline, config.environment.services.values())
    if pipeline.staging is None and config.registry is None:
        rule = "staging needs a registry; set another stack, or add slipway:registry to make this stack staging"
        yield Problem(STAGING, f"is missing; {rule}", (("registry",),))
    if config.staging_stack == config.qualified:
        rule = "it is this stack itself; set another, or remove it to end the pipeline at staging"
        yield Problem.invalid(STAGING, pipeline.staging, rule)
    if config.environment.rollout != "pipeline":
        rule = "each `pulumi up` would undo the pipeline's releases; set it to pipeline or remove slipway:pipeline"
        yield Problem.invalid(("environment", "rollout"), config.environment.rollout, rule)
    yield from _platforms(pipeline, config)
    if pipeline.lambda_compute and config.region and config.region not in LAMBDA_REGIONS:
        rule = f"CodeBuild has no Lambda compute in {config.region}, the stack's region; remove the key"
        yield Problem.invalid((*PIPELINE, "lambda_compute"), value=True, rule=rule, depends_on=(("aws:region",),))
    image = pipeline.image or ""
    if build_images.LOOKS_PRIVATE.match(image) and not build_images.PRIVATE.fullmatch(image):
        rule = "it is not a valid ECR image URI; write ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG, without https://"
        yield Problem.invalid((*PIPELINE, "image"), image, rule)


def _platforms(pipeline: Pipeline, config: StackConfig) -> Iterator[Problem]:
    services = config.environment.services
    required = {name: BY_CPU_ARCHITECTURE[service.cpu_architecture] for name, service in services.items()}
    if pipeline.platforms is None:
        if len(set(required.values())) > 1:
            rule = "a pipeline builds for one; use one value, or list both platforms under slipway:pipeline.platforms"
            depends_on = tuple(_architecture(name) for name in required)
            yield Problem(("environment", "services"), f"has several values of cpu_architecture; {rule}", depends_on)
        return
    location: Location = (*PIPELINE, "platforms")
    if len(set(pipeline.platforms)) < len(pipeline.platforms):
        yield Problem.invalid(location, pipeline.platforms, "it has a duplicate; list each platform once")
    for name, platform in required.items():
        if platform not in pipeline.platforms:
            rule = f"service {name} runs on {platform}; add it, or change the service's cpu_architecture"
            yield Problem.invalid(location, pipeline.platforms, rule, (_architecture(name),))
    if len(pipeline.platforms) > 1 and pipeline.image and pipeline.image.startswith(CODEBUILD_IMAGE_PREFIX):
        rule = "it is for one CPU architecture and platforms lists two; remove it to use the default of each"
        yield Problem.invalid((*PIPELINE, "image"), pipeline.image, rule, (location,))


def _architecture(service: str) -> Location:
    return ("environment", "services", service, "cpu_architecture")


def _owner(pipeline: Pipeline, owner: str | None) -> Iterator[Problem]:
    expected = pipeline.repository.split("/")[0]
    remedy = f"run: pulumi config set {GITHUB_OWNER} {expected or 'NAME'}"
    if owner is None:
        rule = "is missing; the GitHub provider registers webhooks in this account"
        yield Problem((GITHUB_OWNER,), f"{rule}; {remedy}")
    elif owner != expected:
        rule = f"it must be the owner of slipway:pipeline.repository, {pipeline.repository}; {remedy}"
        yield Problem.invalid((GITHUB_OWNER,), owner, rule, (REPOSITORY,))


def _approval(pipeline: Pipeline) -> Iterator[Problem]:
    if pipeline.staging is None:
        for key in sorted(pipeline.model_fields_set & {"approval", "approval_minutes"}):
            rule = "a pipeline that ends at staging has no approval; remove it, or set slipway:pipeline.staging"
            yield Problem.invalid((*PIPELINE, key), getattr(pipeline, key), rule, (STAGING,))
    elif pipeline.approval == "automatic" and "approval_minutes" in pipeline.model_fields_set:
        rule = "it has no effect with approval: automatic; remove it"
        yield Problem.invalid(
            (*PIPELINE, "approval_minutes"), pipeline.approval_minutes, rule, ((*PIPELINE, "approval"),)
        )


def _alarms(pipeline: Pipeline, services: Collection[Service]) -> Iterator[Problem]:
    """Yield the problems of `hold_on_alarm`: a rule for the load balancer and one for each target group."""
    location = (*PIPELINE, "hold_on_alarm")
    if not pipeline.hold_on_alarm:
        return
    if pipeline.staging is None:
        yield Problem(location, "is set, but this pipeline ends at staging; remove it", (STAGING,))
    if len(services) > MOST_RULES - 1:
        rule = f"CodePipeline takes {MOST_RULES} rules, one for the load balancer and one for each of up to 4 services"
        value = f"is set with {len(services)} services"
        yield Problem(location, f"{value}; {rule}; remove it", (("environment", "services"),))
    elif (groups := len(services) + len([one for one in services if one.canary])) > MOST_RULES - 1:
        rule = (
            f"CodePipeline takes {MOST_RULES} rules: one for the load balancer, one for each service, two with canary"
        )
        value = f"is set with {groups} target groups"
        yield Problem(location, f"{value}; {rule}; remove it, or a canary", (("environment", "services"),))
