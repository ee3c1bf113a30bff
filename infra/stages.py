"""The pipeline's stages and actions, as plain data. Pure functions; configuration values may be Pulumi outputs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from infra import platforms

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE, RELEASE = "Source", "Release"
# Keys of the build projects that work on the staging environment, and on production.
BEFORE_STAGING = ("test",)
FOR_STAGING = ("staging-deploy", "staging-acceptance", "staging-promote")
FOR_PRODUCTION = ("production-deploy", "production-smoke")
CHECKS = "checks"
# The project that makes one image of a release built for several platforms.
INDEX = "index"
# Actions whose outcome is a verdict, as AWS's console shows them.
TESTS = ("Test", "Acceptance", "Smoke")
VARIABLES = {"COMMIT": "#{SourceVariables.CommitId}", "EXECUTION": "#{codepipeline.PipelineExecutionId}"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """One action; `order` is within its stage, `minutes` its time-out where it has one of its own."""

    name: str
    category: str
    provider: str
    owner: str = "AWS"
    configuration: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    namespace: str | None = None
    order: int = 1
    minutes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One stage; no two executions are in it at once, and what fails in it ends the execution."""

    name: str
    actions: tuple[Action, ...]


def from_connection(arn: object, repository: str, branch: str) -> Action:
    """Return the source that a CodeConnection brings; `arn` is the connection's."""
    configuration = {
        "ConnectionArn": arn,
        "FullRepositoryId": repository,
        "BranchName": branch,
        "OutputArtifactFormat": "CODE_ZIP",
    }
    return _source("CodeStarSourceConnection", "AWS", configuration)


def from_token(token: object, repository: str, branch: str) -> Action:
    """Return the source that GitHub's first action reads with a token, when a webhook says so."""
    owner, name = repository.split("/")
    configuration = {
        "Owner": owner,
        "Repo": name,
        "Branch": branch,
        "OAuthToken": token,
        "PollForSourceChanges": "false",
    }
    return _source("GitHub", "ThirdParty", configuration)


def approval(*, topic: object, minutes: int) -> Action:
    """Return the approval by a person, who is told what and sees it on staging.

    Args:
        topic: ARN of the topic that the request is sent to.
        minutes: until it fails.
    """
    text = "Commit #{SourceVariables.CommitId}: #{Build.RELEASE}. It passed acceptance at #{Acceptance.URL}"
    configuration = {"CustomData": text, "ExternalEntityLink": "#{Acceptance.URL}", "NotificationArn": topic}
    return Action(name="Approve", category="Approval", provider="Manual", configuration=configuration, minutes=minutes)


def release(
    source: Action,
    projects: Mapping[str, object],
    *,
    builds: Mapping[str, str],
    approve: Action | None,
    production: bool,
) -> tuple[Stage, ...]:
    """Return the stages that a release passes.

    Deploying, testing and promoting are one stage: an execution holds a stage alone, so what was tested is what
    was deployed. No stage rolls back: `delivery` puts an environment back itself.

    Args:
        source: where the commit comes from.
        projects: names of the build projects by key.
        builds: keys of those that build images, and the platform that each builds for.
        approve: the approval before production, if one is asked for.
        production: whether there is one; else the pipeline ends with staging.
    """
    manifest = (SOURCE, RELEASE)
    tested = _build("Acceptance", projects["staging-acceptance"], manifest, namespace="Acceptance")
    staging = (
        _build("Deploy", projects["staging-deploy"], manifest, namespace="StagingDeploy"),
        replace(tested, order=2),
        replace(_build("Promote", projects["staging-promote"], manifest), order=3),
    )
    stages = [
        Stage(name="Source", actions=(source,)),
        Stage(name="Test", actions=(_build("Test", projects["test"]),)),
        Stage(name="Build", actions=_building(projects, builds)),
        Stage(name="Staging", actions=staging),
    ]
    if approve:
        stages.append(Stage(name="Approval", actions=(approve,)))
    if production:
        smoke = _build("Smoke", projects["production-smoke"], manifest, namespace="Smoke")
        deploy = _build("Deploy", projects["production-deploy"], manifest)
        stages.append(Stage(name="Production", actions=(deploy, replace(smoke, order=2))))
    return tuple(stages)


def _building(projects: Mapping[str, object], builds: Mapping[str, str]) -> tuple[Action, ...]:
    """Return the actions that make a release: one, or one a platform side by side and then the index of both."""
    if len(builds) == 1:
        return (_build("Build", projects[platforms.BUILD], namespace="Build", outputs=(RELEASE,)),)
    parts = {key: f"Built_{platforms.short(platform)}" for key, platform in builds.items()}
    natives = [_build(key.capitalize(), projects[key], outputs=(part,)) for key, part in parts.items()]
    inputs = (SOURCE, *sorted(parts.values()))
    index = _build("Index", projects[INDEX], inputs, namespace="Build", outputs=(RELEASE,))
    return (*natives, replace(index, order=2))


def _source(provider: str, owner: str, configuration: Mapping[str, object]) -> Action:
    return Action(
        name=SOURCE,
        category="Source",
        provider=provider,
        owner=owner,
        configuration=configuration,
        outputs=(SOURCE,),
        namespace="SourceVariables",
    )


def _build(
    name: str,
    project: object,
    inputs: tuple[str, ...] = (SOURCE,),
    *,
    outputs: tuple[str, ...] = (),
    namespace: str | None = None,
) -> Action:
    """Return an action that runs a build project on the source, told commit and execution."""
    variables = [{"name": key, "value": value, "type": "PLAINTEXT"} for key, value in VARIABLES.items()]
    configuration = {"ProjectName": project, "EnvironmentVariables": json.dumps(variables)}
    if len(inputs) > 1:
        configuration["PrimarySource"] = inputs[0]
    return Action(
        name=name,
        category="Test" if name in TESTS else "Build",
        provider="CodeBuild",
        configuration=configuration,
        inputs=inputs,
        outputs=outputs,
        namespace=namespace,
    )
