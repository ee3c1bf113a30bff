"""The stages and actions of the release pipeline as data. Pure functions; values may be Pulumi outputs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from contract import pipeline as contract
from contract.images import architecture
from contract.pipeline import RELEASE_ARTIFACT, SOURCE_ARTIFACT, Project, built_artifact
from contract.pipeline import Action as ActionName
from contract.pipeline import Stage as StageName

if TYPE_CHECKING:
    from collections.abc import Mapping

# Build actions of category Test.
TEST_ACTIONS = (ActionName.TEST, ActionName.ACCEPTANCE, ActionName.SMOKE)
VARIABLES = {
    contract.COMMIT: f"#{{{contract.SOURCE_NAMESPACE}.CommitId}}",
    contract.EXECUTION: "#{codepipeline.PipelineExecutionId}",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """An action.

    Attributes:
        name: unique in its stage.
        category, provider, owner: the action type (CodePipeline ActionTypeId).
        configuration: depends on the action type; values may be Pulumi outputs.
        inputs, outputs: names of artifacts.
        namespace: of its output variables.
        order: runOrder within the stage; actions with the same order run in parallel.
        minutes: timeout; None for CodePipeline's default.
    """

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
    """A stage; CodePipeline runs one execution in it at a time, and a failed action ends the execution.

    Attributes:
        name: unique in the pipeline.
        actions: what it runs.
        alarms: names of CloudWatch alarms; an execution that would enter while one is on fails.
    """

    name: str
    actions: tuple[Action, ...]
    alarms: tuple[str, ...] = ()


def connection_source(arn: object, repository: str, branch: str) -> Action:
    """Return the source action that uses a connection.

    Args:
        arn: of the connection.
        repository: `owner/name`.
        branch: its name.
    """
    configuration = {
        "ConnectionArn": arn,
        "FullRepositoryId": repository,
        "BranchName": branch,
        "OutputArtifactFormat": "CODE_ZIP",
    }
    return _source_action("CodeStarSourceConnection", "AWS", configuration)


def github_source(token: object, repository: str, branch: str) -> Action:
    """Return the source action that uses a token: GitHub version 1, started by a webhook.

    Args:
        token: GitHub token; a Pulumi secret.
        repository: `owner/name`.
        branch: its name.
    """
    owner, name = repository.split("/")
    configuration = {
        "Owner": owner,
        "Repo": name,
        "Branch": branch,
        "OAuthToken": token,
        "PollForSourceChanges": "false",
    }
    return _source_action("GitHub", "ThirdParty", configuration)


def approval(*, topic: object, minutes: int) -> Action:
    """Return the manual approval; its request names commit, images and the URL of staging.

    Args:
        topic: ARN of the topic that the request is published to.
        minutes: timeout.
    """
    commit, url = VARIABLES[contract.COMMIT], f"#{{{contract.ACCEPTANCE_NAMESPACE}.{contract.URL}}}"
    text = f"Commit {commit}: #{{{contract.BUILD_NAMESPACE}.{contract.RELEASE}}}. It passed acceptance at {url}"
    configuration = {"CustomData": text, "ExternalEntityLink": url, "NotificationArn": topic}
    return Action(
        name=ActionName.APPROVE, category="Approval", provider="Manual", configuration=configuration, minutes=minutes
    )


def release(
    source: Action,
    projects: Mapping[str, object],
    *,
    builds: Mapping[str, str],
    approve: Action | None,
    production: bool,
    parallel_tests: bool = False,
    alarms: tuple[str, ...] = (),
) -> tuple[Stage, ...]:
    """Return the stages of the release pipeline.

    Deploy, acceptance and promotion share a stage: CodePipeline runs one execution in a stage at a time, so what is
    tested is what was deployed. No stage has a rollback condition: `delivery` rolls environments back itself.

    Args:
        source: the source action.
        projects: names of the build projects by key.
        builds: platforms by the key of the build project that builds for it.
        approve: the approval before production; None for automatic approval.
        production: whether there is a production stage; otherwise the pipeline ends at staging.
        parallel_tests: whether the tests run beside the builds, which wait for them before they push.
        alarms: of production, which keep releases from it while they are on.
    """
    released = (SOURCE_ARTIFACT, RELEASE_ARTIFACT)
    acceptance = _build_action(
        ActionName.ACCEPTANCE, projects[Project.STAGING_ACCEPTANCE], released, namespace=contract.ACCEPTANCE_NAMESPACE
    )
    staging = (
        _build_action(ActionName.DEPLOY, projects[Project.STAGING_DEPLOY], released, namespace="StagingDeploy"),
        replace(acceptance, order=2),
        replace(_build_action(ActionName.PROMOTE, projects[Project.STAGING_PROMOTE], released), order=3),
    )
    test, build = _build_action(ActionName.TEST, projects[Project.TEST]), _build_actions(projects, builds)
    before = [] if parallel_tests else [Stage(name=StageName.TEST, actions=(test,))]
    stages = [
        Stage(name=StageName.SOURCE, actions=(source,)),
        *before,
        Stage(name=StageName.BUILD, actions=(test, *build) if parallel_tests else build),
        Stage(name=StageName.STAGING, actions=staging),
    ]
    if approve:
        stages.append(Stage(name=StageName.APPROVAL, actions=(approve,)))
    if production:
        smoke = _build_action(ActionName.SMOKE, projects[Project.PRODUCTION_SMOKE], released, namespace="Smoke")
        deploy = _build_action(ActionName.DEPLOY, projects[Project.PRODUCTION_DEPLOY], released)
        stages.append(Stage(name=StageName.PRODUCTION, actions=(deploy, replace(smoke, order=2)), alarms=alarms))
    return tuple(stages)


def _build_actions(projects: Mapping[str, object], builds: Mapping[str, str]) -> tuple[Action, ...]:
    """Return the build actions: one, or one per platform in parallel followed by the image index."""
    release, namespace = (RELEASE_ARTIFACT,), contract.BUILD_NAMESPACE
    if len(builds) == 1:
        return (_build_action(ActionName.BUILD, projects[Project.BUILD], namespace=namespace, outputs=release),)
    artifacts = {key: built_artifact(architecture(platform)) for key, platform in builds.items()}
    platform_builds = [
        _build_action(key.capitalize(), projects[key], outputs=(artifact,)) for key, artifact in artifacts.items()
    ]
    inputs = (SOURCE_ARTIFACT, *sorted(artifacts.values()))
    index = _build_action(ActionName.INDEX, projects[Project.INDEX], inputs, namespace=namespace, outputs=release)
    return (*platform_builds, replace(index, order=2))


def _source_action(provider: str, owner: str, configuration: Mapping[str, object]) -> Action:
    return Action(
        name=ActionName.SOURCE,
        category="Source",
        provider=provider,
        owner=owner,
        configuration=configuration,
        outputs=(SOURCE_ARTIFACT,),
        namespace=contract.SOURCE_NAMESPACE,
    )


def _build_action(
    name: str,
    project: object,
    inputs: tuple[str, ...] = (SOURCE_ARTIFACT,),
    *,
    outputs: tuple[str, ...] = (),
    namespace: str | None = None,
) -> Action:
    """Return an action that starts a build project, with commit and execution as environment variables."""
    variables = [{"name": key, "value": value, "type": "PLAINTEXT"} for key, value in VARIABLES.items()]
    configuration = {"ProjectName": project, "EnvironmentVariables": json.dumps(variables)}
    if len(inputs) > 1:
        configuration["PrimarySource"] = inputs[0]
    return Action(
        name=name,
        category="Test" if name in TEST_ACTIONS else "Build",
        provider="CodeBuild",
        configuration=configuration,
        inputs=inputs,
        outputs=outputs,
        namespace=namespace,
    )
