"""The stages and actions of the release pipeline, as plain data. Pure functions; values may be Pulumi outputs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from contract import pipeline as contract
from contract.images import architecture
from contract.pipeline import RELEASE_ARTIFACT, SOURCE_ARTIFACT, Project, built_artifact
from contract.pipeline import Action as Names
from contract.pipeline import Stage as StageNames

if TYPE_CHECKING:
    from collections.abc import Mapping

# Actions whose outcome is a verdict, as AWS's console shows them.
TESTS = (Names.TEST, Names.ACCEPTANCE, Names.SMOKE)
VARIABLES = {
    contract.COMMIT: f"#{{{contract.SOURCE_NAMESPACE}.CommitId}}",
    contract.EXECUTION: "#{codepipeline.PipelineExecutionId}",
}


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
    commit, url = VARIABLES[contract.COMMIT], f"#{{{contract.ACCEPTANCE_NAMESPACE}.{contract.URL}}}"
    text = f"Commit {commit}: #{{{contract.BUILD_NAMESPACE}.{contract.RELEASE}}}. It passed acceptance at {url}"
    configuration = {"CustomData": text, "ExternalEntityLink": url, "NotificationArn": topic}
    return Action(
        name=Names.APPROVE, category="Approval", provider="Manual", configuration=configuration, minutes=minutes
    )


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
    released = (SOURCE_ARTIFACT, RELEASE_ARTIFACT)
    acceptance = _build(
        Names.ACCEPTANCE, projects[Project.STAGING_ACCEPTANCE], released, namespace=contract.ACCEPTANCE_NAMESPACE
    )
    staging = (
        _build(Names.DEPLOY, projects[Project.STAGING_DEPLOY], released, namespace="StagingDeploy"),
        replace(acceptance, order=2),
        replace(_build(Names.PROMOTE, projects[Project.STAGING_PROMOTE], released), order=3),
    )
    stages = [
        Stage(name=StageNames.SOURCE, actions=(source,)),
        Stage(name=StageNames.TEST, actions=(_build(Names.TEST, projects[Project.TEST]),)),
        Stage(name=StageNames.BUILD, actions=_building(projects, builds)),
        Stage(name=StageNames.STAGING, actions=staging),
    ]
    if approve:
        stages.append(Stage(name=StageNames.APPROVAL, actions=(approve,)))
    if production:
        smoke = _build(Names.SMOKE, projects[Project.PRODUCTION_SMOKE], released, namespace="Smoke")
        deploy = _build(Names.DEPLOY, projects[Project.PRODUCTION_DEPLOY], released)
        stages.append(Stage(name=StageNames.PRODUCTION, actions=(deploy, replace(smoke, order=2))))
    return tuple(stages)


def _building(projects: Mapping[str, object], builds: Mapping[str, str]) -> tuple[Action, ...]:
    """Return the actions that make a release: one, or one a platform side by side and then the index of both."""
    release, namespace = (RELEASE_ARTIFACT,), contract.BUILD_NAMESPACE
    if len(builds) == 1:
        return (_build(Names.BUILD, projects[Project.BUILD], namespace=namespace, outputs=release),)
    parts = {key: built_artifact(architecture(platform)) for key, platform in builds.items()}
    natives = [_build(key.capitalize(), projects[key], outputs=(part,)) for key, part in parts.items()]
    inputs = (SOURCE_ARTIFACT, *sorted(parts.values()))
    index = _build(Names.INDEX, projects[Project.INDEX], inputs, namespace=namespace, outputs=release)
    return (*natives, replace(index, order=2))


def _source(provider: str, owner: str, configuration: Mapping[str, object]) -> Action:
    return Action(
        name=Names.SOURCE,
        category="Source",
        provider=provider,
        owner=owner,
        configuration=configuration,
        outputs=(SOURCE_ARTIFACT,),
        namespace=contract.SOURCE_NAMESPACE,
    )


def _build(
    name: str,
    project: object,
    inputs: tuple[str, ...] = (SOURCE_ARTIFACT,),
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
