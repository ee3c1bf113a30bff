"""The section `slipway:pipeline`, its secrets, and the rules that look at more than one of its values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from infra.platforms import OF_ARCHITECTURE, Platform
from infra.setting_errors import Location, Mistake
from infra.setting_section import Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from infra.settings import Settings

WEBHOOK_SECRET = "webhook_secret"  # noqa: S105 - a key
OWN_SECRET = f"slipway:{WEBHOOK_SECRET}"
GITHUB_OWNER = "github:owner"
GITHUB_TOKEN = "github:token"  # noqa: S105 - a key
# CodePipeline PutWebhook, authenticationConfiguration.SecretToken.
LONGEST_SECRET = 100
# How the names of AWS's own build images begin; each is for one architecture.
CURATED = "aws/codebuild/"
WHERE: Location = ("pipeline",)
STAGING: Location = ("pipeline", "staging")
TRIGGER: tuple[Location, ...] = (("pipeline", "trigger"),)
REPOSITORY: Location = ("pipeline", "repository")
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]


class Pipeline(Section):
    """From a pushed commit to production, or to staging alone."""

    repository: str = Field(pattern=r"^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", description="GitHub's `owner/name`")
    branch: str = Field("main", pattern=r"^[A-Za-z0-9._/-]+$", description="a push to it starts a release")
    trigger: Literal["connection", "webhook"] = Field(
        "connection", description="how a push is noticed: a CodeConnection, or a webhook and a token (ADR 0006)"
    )
    connection_arn: str | None = Field(
        None,
        pattern=r"^arn:[a-z-]+:code(star-)?connections:[a-z0-9-]+:\d{12}:connection/.+$",
        description="a CodeConnection that is AVAILABLE; absent: the stack makes its own",
    )
    approval: Literal["manual", "automatic"] = Field(
        "manual", description="a person lets each release into production, or no one has to"
    )
    approval_minutes: int = Field(
        10080, ge=5, le=86400, description="minutes until a release that nobody approved is over"
    )
    staging: str | None = Field(
        None,
        pattern=r"^[\w.-]+(/[\w.-]+/[\w.-]+)?$",
        description="the stack that releases pass first; absent: this stack is staging, and there is no production",
    )
    notify: tuple[Email, ...] = Field((), description="e-mail addresses told of approvals, failures and alarms")
    compute_type: Literal[
        "BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE", "BUILD_GENERAL1_XLARGE"
    ] = Field("BUILD_GENERAL1_SMALL", description="size of the build machines")
    image: str | None = Field(
        None,
        min_length=1,
        description="what builds run in; absent: `aws/codebuild/amazonlinux-x86_64-standard:5.0`, for ARM64 services "
        "`aws/codebuild/amazonlinux-aarch64-standard:3.0`",
    )
    platforms: tuple[Platform, ...] | None = Field(
        None,
        min_length=1,
        description="`linux/amd64`, `linux/arm64` or both: what images are built for, each on machines of its own kind "
        "(ADR 0010); absent: what the services run on",
    )
    artifact_days: int = Field(30, ge=1, description="days that sources and manifests of releases are kept")
    log_retention_days: int = Field(30, description="days, as CloudWatch Logs allows")


def secrets(config: Mapping[str, str], secret_keys: Sequence[str], *, pipeline: object) -> list[Mistake]:
    """Find secrets in plain text, in the wrong place, too long or missing; no message shows a value.

    Args:
        config: key to value, decrypted.
        secret_keys: keys whose values are stored encrypted.
        pipeline: the section as it was read, unchecked; None when there is none.
    """
    own, prefix = OWN_SECRET, OWN_SECRET.removesuffix(WEBHOOK_SECRET)
    found = [Mistake.secret(key.removeprefix(prefix)) for key in secret_keys if key.startswith(prefix) and key != own]
    if GITHUB_OWNER in secret_keys:
        rule = f"holds a secret; an owner is none and names are made of it; run: pulumi config set {GITHUB_OWNER} NAME"
        found.append(Mistake((GITHUB_OWNER,), rule))
    by_webhook = isinstance(pipeline, dict) and pipeline.get("trigger") == "webhook"
    for key, use in ((own, "GitHub signs with it"), (GITHUB_TOKEN, "the pipeline reads the source with it")):
        where: Location = (key.removeprefix(prefix),)
        command = f"pulumi config set --secret {key}"
        if key not in config:
            if by_webhook:
                found.append(Mistake(where, f"is missing; {use} under trigger: webhook; run: {command}"))
        elif key not in secret_keys:
            found.append(Mistake(where, f"is in plain text; a secret is stored encrypted; run: {command}"))
        elif key == GITHUB_TOKEN and not config[key].strip():
            found.append(Mistake(where, f"is empty; GitHub takes no such token; run: {command}"))
        elif key == own and not 1 <= len(config[key]) <= LONGEST_SECRET:
            rule = f"AWS takes 1 to {LONGEST_SECRET}; run: {command}"
            found.append(Mistake(where, f"has {len(config[key])} characters; {rule}"))
    return found


def check(settings: Settings) -> Iterator[Mistake]:
    """Yield every mistake of the section that takes more than one value to see."""
    pipeline = settings.pipeline
    if pipeline is None:
        return
    yield from _owner(pipeline, settings.github_owner)
    yield from _approval(pipeline)
    if pipeline.connection_arn is not None and pipeline.trigger != "connection":
        yield Mistake(
            (*WHERE, "connection_arn"), "is set beside trigger: webhook; a webhook uses none; remove it", TRIGGER
        )
    if pipeline.staging is None and settings.registry is None:
        rule = "the first stage needs a stack with images; name one, or add slipway:registry to be staging itself"
        yield Mistake(STAGING, f"is missing; {rule}", (("registry",),))
    if settings.staging_stack == settings.qualified:
        rule = "that is this stack itself; name another, or remove it to end the pipeline with staging"
        yield Mistake.value(STAGING, pipeline.staging, rule)
    if settings.environment.rollout != "pipeline":
        rule = "each `pulumi up` would undo the pipeline's releases; set it to pipeline or remove slipway:pipeline"
        yield Mistake.value(("environment", "rollout"), settings.environment.rollout, rule)
    yield from _platforms(pipeline, settings)


def _platforms(pipeline: Pipeline, settings: Settings) -> Iterator[Mistake]:
    needed = {name: OF_ARCHITECTURE[one.cpu_architecture] for name, one in settings.environment.services.items()}
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
