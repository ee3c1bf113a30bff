"""Refusals of pipelines and triggers: AWS's rules, and unsupported features."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from support.pipelines import BUCKET, ROLE, Works, approval, build, unchecked, valid

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.cloud import Cloud

STRUCTURE, STAGE, ACTION = (
    "InvalidStructureException",
    "InvalidStageDeclarationException",
    "InvalidActionDeclarationException",
)
VALIDATION = "ValidationException"
Doc = dict[str, Any]


@pytest.fixture(scope="module")
def works(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Works:
    """A role and a bucket; no pipeline ever runs here."""
    return Works(cloud, tmp_path_factory.mktemp("refusals"), "refusals")


@pytest.fixture(scope="module")
def api(cloud: Cloud) -> Any:
    """A boto3 client without parameter validation."""
    return unchecked(cloud)


def put(path: str, value: object) -> Callable[[Doc], object]:
    """Return a change that sets the value at a path such as stages.1.name."""

    def change(doc: Doc) -> None:
        *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
        place: Any = doc
        for step in steps:
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value

    return change


def configured(stage: int, key: str, value: str | None) -> Callable[[Doc], object]:
    """Return a change of the configuration of a stage's first action."""
    return put(f"stages.{stage}.actions.0.configuration.{key}", value)


def trigger(*rows: Doc) -> Callable[[Doc], object]:
    """Return a change that declares triggers for the source action."""
    made = [
        {"providerType": "CodeStarSourceConnection", "gitConfiguration": {"sourceActionName": "Fetch", **row}}
        for row in rows
    ]
    return put("triggers", made)


def kind(stage: int, identity: str) -> Callable[[Doc], object]:
    """Return a change of the type of a stage's first action."""
    category, owner, provider, version = identity.split("/")
    wanted = {"category": category, "owner": owner, "provider": provider, "version": version}
    return put(f"stages.{stage}.actions.0.actionTypeId", wanted)


def entry(rule: Doc, **condition: str) -> Callable[[Doc], object]:
    """Return a change that gives a stage a condition on entry with one rule."""
    kind = {"category": "Rule", "owner": "AWS", "provider": "CloudWatchAlarm", "version": "1"}
    full = {"name": "Quiet", "ruleTypeId": kind, "configuration": {"AlarmName": "a"}} | rule
    return put("stages.1.beforeEntry", {"conditions": [{"result": "FAIL", "rules": [full]} | condition]})


MAIN = {"includes": ["main"]}
FILES = {"includes": ["app/**"]}
VARIABLE = {"name": "Size", "defaultValue": "x"}
RULES: dict[str, tuple[Callable[[Doc], object], str, str]] = {
    "a name with a space": (put("name", "a b"), VALIDATION, "name"),
    "a name of 101 characters": (put("name", "a" * 101), VALIDATION, "name"),
    "a role that does not exist": (put("roleArn", ROLE + "-none"), STRUCTURE, "not authorized to perform AssumeRole"),
    "a role of another service": (
        put("roleArn", ROLE.replace("pipeline", "build")), STRUCTURE, "not authorized to perform AssumeRole",
    ),
    "one stage": (lambda doc: doc.update(stages=doc["stages"][:1]), STRUCTURE, "1 stages"),
    "two artifact stores": (
        put("artifactStores", {"eu-central-1": {"type": "S3", "location": BUCKET}}), STRUCTURE, "not both",
    ),
    "no artifact store": (put("artifactStore", None), STRUCTURE, "artifactStore"),
    "a stage name twice": (put("stages.2.name", "Build"), STRUCTURE, "unique"),
    "a stage name with a space": (put("stages.1.name", "a b"), VALIDATION, "stages"),
    "a stage without actions": (put("stages.1.actions", []), STAGE, "has 0 actions"),
    "a source in a later stage": (kind(1, "Source/AWS/CodeStarSourceConnection/1"), STRUCTURE, "source action"),
    "no source in the first stage": (kind(0, "Approval/AWS/Manual/1"), STRUCTURE, "only contains source actions"),
    "an action name twice": (
        lambda doc: doc["stages"][2]["actions"].append(approval()), STAGE, "Approve is used twice",
    ),
    "a namespace twice": (put("stages.1.actions.0.namespace", "Fetched"), STRUCTURE, "Fetched is used twice"),
    "a namespace that an artifact has as its name": (
        put("stages.1.actions.0.namespace", "Source"),
        STRUCTURE,
        "an artifact's name",
    ),
    "a reserved namespace": (put("stages.1.actions.0.namespace", "codepipeline"), STRUCTURE, "reserved"),
    "PARALLEL, not run here": (put("executionMode", "PARALLEL"), STRUCTURE, "PARALLEL"),
    "QUEUED in V1": (
        lambda doc: doc.update(pipelineType="V1", executionMode="QUEUED"), STRUCTURE, "V1 does not support",
    ),
    "variables in V1": (lambda doc: doc.update(pipelineType="V1", variables=[VARIABLE]), STRUCTURE, "variables"),
    "a variable twice": (put("variables", [VARIABLE, VARIABLE]), STRUCTURE, "must be unique"),
    "a variable's name with a dot": (put("variables", [{"name": "a.b"}]), VALIDATION, "variables"),
    "ECS deploys, not run here": (kind(1, "Deploy/AWS/ECS/1"), ACTION, "Deploy/AWS/ECS/1"),
    "a wrong version": (kind(1, "Build/AWS/CodeBuild/2"), ACTION, "Build/AWS/CodeBuild/2"),
    "a condition without rules": (
        put("stages.1.beforeEntry", {"conditions": [{"result": "FAIL"}]}), STAGE, "at least one rule",
    ),
    "a condition that skips, not run here": (entry({}, result="SKIP"), STAGE, "not SKIP"),
    "a condition in V1": (
        lambda doc: (entry({})(doc), doc.update(pipelineType="V1")), STAGE, "V1 does not support conditions",
    ),
    "another rule, not run here": (
        entry({"ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": "DeploymentWindow", "version": "1"}}),
        STAGE, "not DeploymentWindow",
    ),
    "a rule without an alarm": (entry({"configuration": {}}), STAGE, "AlarmName is required"),
    "a rule on an unknown state": (
        entry({"configuration": {"AlarmName": "a", "AlarmStates": "OK, LOUD"}}), STAGE, "not LOUD",
    ),
    "a rule that waits for no number": (
        entry({"configuration": {"AlarmName": "a", "WaitTime": "-1"}}), STAGE, "WaitTime must be a number of minutes",
    ),
    "a rule with an unknown configuration": (
        entry({"configuration": {"AlarmName": "a", "Loud": "1"}}), STAGE, "does not take Loud",
    ),
    "a condition on success, not run here": (
        put("stages.1.onSuccess", {"conditions": [{"result": "FAIL"}]}), STAGE, "onSuccess",
    ),
    "a stage rollback, not run here": (put("stages.1.onFailure", {"result": "ROLLBACK"}), STAGE, "ROLLBACK"),
    "another region": (put("stages.1.actions.0.region", "us-east-1"), ACTION, "cross-region"),
    "a time-out of a build action": (put("stages.1.actions.0.timeoutInMinutes", 10), ACTION, "manual approval"),
    "a time-out of four minutes": (put("stages.2.actions.0.timeoutInMinutes", 4), VALIDATION, "timeoutInMinutes"),
    "a time-out of 61 days": (put("stages.2.actions.0.timeoutInMinutes", 86401), VALIDATION, "timeoutInMinutes"),
    "a run order of 0": (put("stages.1.actions.0.runOrder", 0), VALIDATION, "runOrder"),
    "a missing configuration": (configured(1, "ProjectName", None), ACTION, "missing required configuration"),
    "an unknown configuration": (configured(1, "Nonsense", "x"), ACTION, "unknown configuration 'Nonsense'"),
    "a value of 1,001 characters": (configured(2, "CustomData", "x" * 1001), VALIDATION, "1000"),
    "batch builds, not run here": (configured(1, "BatchEnabled", "true"), ACTION, "BatchEnabled"),
    "a full clone, not run here": (
        configured(0, "OutputArtifactFormat", "CODEBUILD_CLONE_REF"), ACTION, "CODEBUILD_CLONE_REF",
    ),
    "a repository without owner": (configured(0, "FullRepositoryId", "app"), ACTION, "owner/name"),
    "variables that are no JSON": (configured(1, "EnvironmentVariables", "[{"), ACTION, "no JSON"),
    "a variable of an unknown type": (
        configured(1, "EnvironmentVariables", '[{"name":"A","value":"b","type":"SECRET"}]'), ACTION, "SECRET",
    ),
    "a topic that is none": (configured(2, "NotificationArn", "arn:aws:sqs:a:b:c"), ACTION, "cannot be used"),
    "a topic of another region": (
        configured(2, "NotificationArn", "arn:aws:sns:us-east-1:000000000000:t"), ACTION, "not in the same region",
    ),
    "no input for a build": (put("stages.1.actions.0.inputArtifacts", []), ACTION, "0 inputArtifacts"),
    "an input that nothing makes": (
        put("stages.1.actions.0.inputArtifacts", [{"name": "Other"}]), ACTION, "Other in action Make",
    ),
    "an output twice": (
        put("stages.1.actions.0.outputArtifacts", [{"name": "Source"}]), STRUCTURE, "Source is declared twice",
    ),
    "an output of an approval": (
        put("stages.2.actions.0.outputArtifacts", [{"name": "X"}]), ACTION, "outputArtifacts",
    ),
    "two inputs without a primary one": (
        lambda doc: doc["stages"].append(
            {"name": "Last", "actions": [build("Use", "true", inputs=["Source", "Made"])]}
        ), ACTION, "PrimarySource",
    ),
    "an unknown namespace": (configured(2, "CustomData", "#{Nobody.Key}"), ACTION, "Nobody.Key"),
    "a reference without a key": (configured(2, "CustomData", "#{Fetched}"), ACTION, "namespace and a key"),
    "a variable of a later action": (configured(1, "ProjectName", "#{Making.WORD}"), ACTION, "does not exist"),
    "an undeclared variable": (configured(2, "CustomData", "#{variables.None}"), ACTION, "no variable None"),
    "a variable in a source": (
        lambda doc: (
            doc.update(variables=[VARIABLE]),
            configured(0, "BranchName", "#{variables.Size}")(doc),
        ), STRUCTURE, "source actions",
    ),
    "tags with branches": (trigger({"push": [{"tags": MAIN, "branches": MAIN}]}), STRUCTURE, "tags and branches"),
    "file paths alone": (trigger({"push": [{"filePaths": FILES}]}), STRUCTURE, "filePaths"),
    "a pull request without branches": (trigger({"pullRequest": [{"events": ["OPEN"]}]}), STRUCTURE, "branches"),
    "two triggers of a source": (
        trigger({"push": [{"branches": MAIN}]}, {"push": [{"branches": MAIN}]}), STRUCTURE, "only one trigger",
    ),
    "a trigger of no source": (
        lambda doc: (
            trigger({"push": [{"branches": MAIN}]})(doc),
            put("triggers.0.gitConfiguration.sourceActionName", "Make")(doc),
        ), STRUCTURE, "Trigger for Make",
    ),
    "a trigger without filters": (trigger({}), STRUCTURE, "must have push or pullRequest"),
    "four push filters": (trigger({"push": [{"branches": MAIN}] * 4}), VALIDATION, "push"),
    "triggers in V1": (
        lambda doc: (trigger({"push": [{"branches": MAIN}]})(doc), doc.update(pipelineType="V1")), STRUCTURE, "V1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_a_pipeline_is_refused_with(api: Any, works: Works, rule: str) -> None:
    """The error has AWS's code and names the invalid value."""
    assert works.repository
    change, code, text = RULES[rule]
    declaration = copy.deepcopy(valid())
    change(declaration)
    with pytest.raises(ClientError) as caught:
        api.create_pipeline(pipeline=declaration)
    assert caught.value.response["Error"]["Code"] == code
    assert text in caught.value.response["Error"]["Message"]
    assert "refused" not in [row["name"] for row in api.list_pipelines()["pipelines"]]


def test_the_declaration_that_the_refusals_start_from_is_accepted(api: Any, works: Works) -> None:
    """So each refusal above has its own reason; a second pipeline with that name is refused."""
    assert works.repository
    tags = [{"key": "a", "value": "b"}]
    api.create_pipeline(pipeline=valid(), tags=tags)
    with pytest.raises(ClientError, match="PipelineNameInUse"):
        api.create_pipeline(pipeline=valid())
    arn = api.get_pipeline(name="refused")["metadata"]["pipelineArn"]
    assert api.list_tags_for_resource(resourceArn=arn)["tags"] == tags
    api.untag_resource(resourceArn=arn, tagKeys=["a"])
    with pytest.raises(ClientError, match="InvalidTags"):
        api.tag_resource(resourceArn=arn, tags=[{"key": "aws:x", "value": "b"}])
    assert api.list_tags_for_resource(resourceArn=arn)["tags"] == []
    with pytest.raises(ClientError, match="PipelineVersionNotFound"):
        api.get_pipeline(name="refused", version=2)
    with pytest.raises(ClientError, match="StageNotFound"):
        api.enable_stage_transition(pipelineName="refused", stageName="None", transitionType="Inbound")
    for operation in ("get_pipeline", "get_pipeline_state", "start_pipeline_execution"):
        with pytest.raises(ClientError, match="PipelineNotFound"):
            getattr(api, operation)(name="nobody")
    with pytest.raises(ClientError, match="does not support codepipeline PutJobSuccessResult"):
        api.put_job_success_result(jobId="00000000-0000-0000-0000-000000000000")
    api.delete_pipeline(name="refused")
