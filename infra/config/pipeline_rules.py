"""Rules of `slipway:pipeline` that look at more than one value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.aws.platforms import OF_ARCHITECTURE
from infra.config.errors import Location, Mistake
from infra.config.secrets import GITHUB_OWNER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.config.pipeline import Pipeline
    from infra.config.stack import StackConfig

# How the names of AWS's own build images begin; each is for one architecture.
CURATED = "aws/codebuild/"
WHERE: Location = ("pipeline",)
STAGING: Location = ("pipeline", "staging")
TRIGGER: tuple[Location, ...] = (("pipeline", "trigger"),)
REPOSITORY: Location = ("pipeline", "repository")


def check(config: StackConfig) -> Iterator[Mistake]:
    """Yield every mistake of the section that takes more than one value to see."""
    pipeline = config.pipeline
    if pipeline is None:
        return
    yield from _owner(pipeline, config.github_owner)
    yield from _approval(pipeline)
    if pipeline.connection_arn is not None and pipeline.trigger != "connection":
        yield Mistake(
            (*WHERE, "connection_arn"), "is set beside trigger: webhook; a webhook uses none; remove it", TRIGGER
        )
    if pipeline.staging is None and config.registry is None:
        rule = "the first stage needs a stack with images; name one, or add slipway:registry to be staging itself"
        yield Mistake(STAGING, f"is missing; {rule}", (("registry",),))
    if config.staging_stack == config.qualified:
        rule = "that is this stack itself; name another, or remove it to end the pipeline with staging"
        yield Mistake.value(STAGING, pipeline.staging, rule)
    if config.environment.rollout != "pipeline":
        rule = "each `pulumi up` would undo the pipeline's releases; set it to pipeline or remove slipway:pipeline"
        yield Mistake.value(("environment", "rollout"), config.environment.rollout, rule)
    yield from _platforms(pipeline, config)


def _platforms(pipeline: Pipeline, config: StackConfig) -> Iterator[Mistake]:
    needed = {name: OF_ARCHITECTURE[one.cpu_architecture] for name, one in config.environment.services.items()}
    if pipeline.platforms is None:
        if len(set(needed.values())) > 1:
            rule = "a pipeline builds for one; give all the same, or name both under slipway:pipeline.platforms"
            needs = tuple(_architecture(name) for name in needed)
            yield Mistake(("environment", "services"), f"has several values of cpu_architecture; {rule}", needs)
        return
    where: Location = (*WHERE, "platforms")
    if len(set(pipeline.platforms)) < len(pipeline.platforms):
        yield Mistake.value(where, pipeline.platforms, "a platform is named twice; name it once")
    for name, platform in needed.items():
        if platform not in pipeline.platforms:
            rule = f"service {name} runs on {platform}; add it, or change the service's cpu_architecture"
            yield Mistake.value(where, pipeline.platforms, rule, (_architecture(name),))
    if len(pipeline.platforms) > 1 and pipeline.image and pipeline.image.startswith(CURATED):
        rule = "that is for one architecture and platforms has several; remove it: there is one for each"
        yield Mistake.value((*WHERE, "image"), pipeline.image, rule, (where,))


def _architecture(service: str) -> Location:
    return ("environment", "services", service, "cpu_architecture")


def _owner(pipeline: Pipeline, owner: str | None) -> Iterator[Mistake]:
    wanted = pipeline.repository.split("/")[0]
    remedy = f"run: pulumi config set {GITHUB_OWNER} {wanted or 'NAME'}"
    if owner is None:
        rule = "is missing; webhooks are registered in the account it names"
        yield Mistake((GITHUB_OWNER,), f"{rule}; {remedy}")
    elif owner != wanted:
        rule = f"slipway:pipeline.repository is {pipeline.repository}; {remedy}"
        yield Mistake.value((GITHUB_OWNER,), owner, rule, (REPOSITORY,))


def _approval(pipeline: Pipeline) -> Iterator[Mistake]:
    if pipeline.staging is None:
        for key in sorted(pipeline.model_fields_set & {"approval", "approval_minutes"}):
            rule = "a pipeline without production has no approval; remove it, or name slipway:pipeline.staging"
            yield Mistake.value((*WHERE, key), getattr(pipeline, key), rule, (STAGING,))
    elif pipeline.approval == "automatic" and "approval_minutes" in pipeline.model_fields_set:
        rule = "nobody is asked under approval: automatic; remove it"
        yield Mistake.value((*WHERE, "approval_minutes"), pipeline.approval_minutes, rule, ((*WHERE, "approval"),))
