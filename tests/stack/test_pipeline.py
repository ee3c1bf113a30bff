"""The pipeline that the real program declares for the production stack file and for changes of its section."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from infra import stack_pipeline
from infra.aws import build_images
from infra.aws.arns import Home
from infra.config.errors import ConfigError
from tests.fake_engine import ACCOUNT, REGION, SECRET, Refused, as_plain
from tests.stack import program, variants

if TYPE_CHECKING:
    from tests.fake_engine import FakeEngine

Run = tuple["FakeEngine", dict[str, Any]]
GIVEN = f"arn:aws:codestar-connections:{REGION}:{ACCOUNT}:connection/given"
AVAILABLE = {"arn": program.CONNECTION, "connectionStatus": "AVAILABLE", "name": "slipway-prod"}
TOPIC = f"arn:aws:test:{REGION}:{ACCOUNT}:aws:sns/topic:Topic/prod"
BY_WEBHOOK = {"slipway:webhook_secret": "hush", "github:token": "whisper"}
PROJECTS = {
    "checks",
    "test",
    "build",
    "staging-deploy",
    "staging-acceptance",
    "staging-promote",
    "production-deploy",
    "production-smoke",
}
COMMON = ["WriteLogs", "ReadFacts"]
DEPLOY = [
    "RollOut",
    "FollowRollout",
    "SeeCluster",
    "SeeTasks",
    "ListTasks",
    "RegisterReleases",
    "ReadTaskDefinitions",
    "PassTaskRoles",
    "ReadTargetHealth",
    "SeeImages",
]
CONNECTION = ["UseConnection", "UseConnectionAsBefore"]
STEP = [*COMMON, "Notify"]
READ_ARTIFACTS = ["FindArtifacts", "ReadArtifacts"]
# The statements of each of the pipeline's roles; every added or removed permission changes this table.
STATEMENTS = {
    "prod-pipeline": [
        *("FindArtifacts", "WriteArtifacts", "SeeVersioning", "OwnArtifacts", "RunBuilds"),
        *CONNECTION,
        "AskForApproval",
    ],
    "prod-checks": [*COMMON, "WriteReports", *CONNECTION],
    "prod-test": [*STEP, "WriteReports", *READ_ARTIFACTS],
    "prod-build": [
        *STEP,
        "WriteReports",
        "FindArtifacts",
        "WriteArtifacts",
        "LogInToRegistry",
        "PushImages",
        "ReadActions",
        "ReadTests",
    ],
    "prod-staging-deploy": [*STEP, *READ_ARTIFACTS, *DEPLOY],
    "prod-staging-acceptance": [*STEP, "WriteReports", *READ_ARTIFACTS, *DEPLOY],
    "prod-staging-promote": [*STEP, *READ_ARTIFACTS, "TagImages"],
    "prod-production-deploy": [*STEP, *READ_ARTIFACTS, *DEPLOY],
    "prod-production-smoke": [*STEP, "WriteReports", *READ_ARTIFACTS, *DEPLOY, "TagImages"],
}


def section(**changes: object) -> dict[str, Any]:
    """Return production's configuration with these changes of its pipeline; None removes a key."""
    config = deepcopy(program.stack_file("prod"))
    changed = config["slipway:pipeline"] | changes
    config["slipway:pipeline"] = {key: value for key, value in changed.items() if value is not None}
    return config


def staging_alone(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run staging with a pipeline of its own, which has no production."""
    config = program.stack_file("staging") | {
        "slipway:pipeline": {"repository": "slipway-example/slipway", "connection_arn": GIVEN},
        "github:owner": "slipway-example",
    }
    return program.run(monkeypatch, config, engine=program.account())


def statements(engine: FakeEngine, role: str) -> dict[str, dict[str, Any]]:
    """Return a role's statements by Sid."""
    policy = json.loads(engine.one("RolePolicy", role).inputs["policy"])
    return {statement["Sid"]: statement for statement in policy["Statement"]}


def stages(engine: FakeEngine) -> dict[str, list[str]]:
    """Return the pipeline's stages and their actions, in order."""
    found = engine.one("codepipeline/pipeline:Pipeline").inputs["stages"]
    return {stage["name"]: [action["name"] for action in stage["actions"]] for stage in found}


def action(engine: FakeEngine, stage: str, name: str) -> dict[str, Any]:
    """Return one action of the pipeline."""
    found = engine.one("codepipeline/pipeline:Pipeline").inputs["stages"]
    # Where a part of it is a secret, the mocks hand all of it over as one.
    (held,) = [one for one in (found["value"] if isinstance(found, dict) else found) if one["name"] == stage]
    (only,) = [one for one in held["actions"] if one["name"] == name]
    return dict(only)


@pytest.fixture(scope="module")
def prod() -> Run:
    """Production as committed, with its connection completed; run once, since tests only look at it."""
    with pytest.MonkeyPatch.context() as patch:
        return program.run_prod(patch, program.stack_file("prod"))


def test_an_update_of_the_pipeline_looks_for_executions_in_progress_in_a_preview_too(prod: Run) -> None:
    """AWS would make them fail."""
    engine, _ = prod
    (name,) = engine.options["aws:codepipeline/pipeline:Pipeline", "prod"].hooks.before_update
    assert engine.hooks[name].opts.on_dry_run


def test_a_release_passes_these_stages_in_this_order(prod: Run) -> None:
    """Deploy, acceptance and promotion share one stage, so that what was tested is what was deployed."""
    engine, _ = prod
    assert stages(engine) == {
        "Source": ["Source"],
        "Build": ["Test", "Build"],
        "Staging": ["Deploy", "Acceptance", "Promote"],
        "Approval": ["Approve"],
        "Production": ["Deploy", "Smoke"],
    }
    pipeline = engine.one("codepipeline/pipeline:Pipeline").inputs
    assert pipeline["pipelineType"] == "V2"
    assert pipeline["executionMode"] == "SUPERSEDED"
    staging = [action(engine, "Staging", name)["runOrder"] for name in ("Deploy", "Acceptance", "Promote")]
    assert staging == [1, 2, 3]
    assert [action(engine, "Production", name)["runOrder"] for name in ("Deploy", "Smoke")] == [1, 2]


def test_no_stage_rolls_back_by_itself(prod: Run) -> None:
    """`delivery` rolls an environment back; a second mechanism would conflict with it."""
    engine, _ = prod
    for stage in engine.one("codepipeline/pipeline:Pipeline").inputs["stages"]:
        assert set(stage) == {"name", "actions"}


def test_the_commit_comes_by_the_connection_when_the_branch_is_pushed_to(prod: Run) -> None:
    """A trigger on pushes to the branch, and nothing that polls."""
    engine, _ = prod
    source = action(engine, "Source", "Source")
    assert (source["owner"], source["provider"]) == ("AWS", "CodeStarSourceConnection")
    assert source["configuration"]["FullRepositoryId"] == "slipway-example/slipway"
    assert source["configuration"]["BranchName"] == "main"
    assert source["configuration"]["OutputArtifactFormat"] == "CODE_ZIP"
    (trigger,) = engine.one("codepipeline/pipeline:Pipeline").inputs["triggers"]
    assert trigger == {
        "providerType": "CodeStarSourceConnection",
        "gitConfiguration": {"sourceActionName": "Source", "pushes": [{"branches": {"includes": ["main"]}}]},
    }
    assert not engine.of("codepipeline/webhook:Webhook")


def test_every_build_gets_commit_and_execution(prod: Run) -> None:
    """But no commit message: values have at most 1,000 characters and are not escaped."""
    engine, _ = prod
    for stage, names in stages(engine).items():
        for name in names:
            one = action(engine, stage, name)
            assert all(len(value) <= 1000 for value in one["configuration"].values())
            if one["provider"] == "CodeBuild":
                told = {
                    pair["name"]: pair["value"] for pair in json.loads(one["configuration"]["EnvironmentVariables"])
                }
                assert told == {
                    "COMMIT": "#{SourceVariables.CommitId}",
                    "EXECUTION": "#{codepipeline.PipelineExecutionId}",
                }
                primary = "Source" if len(one["inputArtifacts"]) > 1 else None
                assert one["configuration"].get("PrimarySource") == primary


def test_the_release_is_passed_on_as_an_artifact(prod: Run) -> None:
    """Built once; every later step gets the same manifest."""
    engine, _ = prod
    assert action(engine, "Build", "Build")["outputArtifacts"] == ["Release"]
    later = [("Staging", name) for name in ("Deploy", "Acceptance", "Promote")]
    later += [("Production", name) for name in ("Deploy", "Smoke")]
    for stage, name in later:
        assert action(engine, stage, name)["inputArtifacts"] == ["Source", "Release"]


def test_each_step_works_on_its_environment(prod: Run) -> None:
    """The staging stack for all but production's own."""
    engine, outputs = prod
    told = {
        one.inputs["name"]: {pair["name"]: pair["value"] for pair in one.inputs["environment"]["environmentVariables"]}
        for one in engine.of("codebuild/project:Project")
    }
    assert set(told) == {f"slipway-prod-{key}" for key in PROJECTS}
    assert {name for name, one in told.items() if one["STACK"] == "prod"} == {
        "slipway-prod-production-deploy",
        "slipway-prod-production-smoke",
    }
    assert {one["STACK"] for one in told.values()} == {"prod", "staging"}
    assert {one["PIPELINE"] for one in told.values()} == {"slipway-prod"}
    assert outputs["pipeline_projects"] == {key: f"slipway-prod-{key}" for key in PROJECTS}


def test_only_builds_that_need_docker_are_privileged(prod: Run) -> None:
    """A privileged build is root on its machine."""
    engine, _ = prod
    privileged = {
        one.inputs["name"].removeprefix("slipway-prod-"): one.inputs.get("cache", {}).get("modes", [])
        for one in engine.of("codebuild/project:Project")
        if one.inputs["environment"]["privilegedMode"]
    }
    assert set(privileged) == {"checks", "test", "build", "staging-acceptance", "production-smoke"}
    assert privileged.pop("checks") == [], "what one change leaves in a cache, the builds of others would run"
    assert all("LOCAL_DOCKER_LAYER_CACHE" in modes for modes in privileged.values())


def test_a_change_cannot_alter_the_buildspec_of_its_checks(prod: Run) -> None:
    """The buildspec is part of the project; those of the pipeline come with the commit."""
    engine, _ = prod
    sources = {one.inputs["name"]: one.inputs["source"] for one in engine.of("codebuild/project:Project")}
    checks = sources.pop("slipway-prod-checks")
    assert checks["buildspec"] == (program.ROOT / "delivery" / "buildspecs" / "checks.yml").read_text("utf-8")
    assert checks["location"] == "https://github.com/slipway-example/slipway.git"
    assert checks["reportBuildStatus"] is True
    assert checks["auth"]["type"] == "CODECONNECTIONS"
    for source in sources.values():
        assert source["type"] == "CODEPIPELINE"
        assert (program.ROOT / source["buildspec"]).is_file()


def test_a_missing_buildspec_of_checks_is_reported_before_any_resource_is_declared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message has the file's name."""
    monkeypatch.setattr(stack_pipeline, "BUILDSPECS", "delivery/none")
    monkeypatch.setattr(program, "RUNS", {})
    engine = program.account()
    with pytest.raises(pulumi.RunError, match=r"^delivery/none/checks.yml is missing; .*; restore it$"):
        program.run(monkeypatch, program.stack_file("prod"), stack="prod", engine=engine)
    assert engine.resources == []


def filter_groups(engine: FakeEngine) -> list[dict[str, str]]:
    """Return the filters of each group of the checks' webhook: patterns by type, those that exclude with `!` first."""
    return [
        {one["type"]: "!" * one.get("excludeMatchedPattern", False) + one["pattern"] for one in group["filters"]}
        for group in engine.one("codebuild/webhook:Webhook", "prod-checks").inputs["filterGroups"]
    ]


def test_a_push_to_another_branch_and_every_pull_request_start_the_checks(prod: Run) -> None:
    """What the pipeline releases is tested by it; tags do not match."""
    engine, _ = prod
    assert filter_groups(engine) == [
        {"EVENT": "PUSH", "HEAD_REF": "!^refs/tags/|^refs/heads/main$"},
        {
            "EVENT": "PULL_REQUEST_CREATED, PULL_REQUEST_UPDATED, PULL_REQUEST_REOPENED",
            "BASE_REF": "^refs/heads/.+$",
        },
    ]


@pytest.mark.parametrize(
    ("key", "pattern"),
    [({}, "^refs/heads/.+$"), ({"check_branch": False, "branch": "v1.x"}, r"!^refs/tags/|^refs/heads/v1\.x$")],
    ids=["by default", "a branch with a dot"],
)
def test_the_checks_may_start_for_every_push(
    monkeypatch: pytest.MonkeyPatch, key: dict[str, Any], pattern: str
) -> None:
    """By default a push to the pipeline's branch starts them too, and a dot in its name is no wildcard."""
    engine, _ = program.run_prod(monkeypatch, section(**{"check_branch": None} | key))
    assert filter_groups(engine)[0] == {"EVENT": "PUSH", "HEAD_REF": pattern}


def test_github_calls_the_checks_with_a_secret(prod: Run) -> None:
    """CodeBuild generates it, and it stays a Pulumi secret."""
    engine, outputs = prod
    receiver = engine.one("codebuild/webhook:Webhook", "prod-checks").inputs
    assert receiver["manualCreation"] is True
    sender = engine.one("RepositoryWebhook", "prod-checks").inputs
    assert sender["repository"] == "slipway"
    assert sender["events"] == ["push", "pull_request", "issue_comment"]
    configuration = sender["configuration"]["value"]
    assert configuration["secret"] == SECRET
    assert configuration["contentType"] == "json"
    assert configuration["insecureSsl"] is False
    assert outputs["webhook_url"] == configuration["url"] == "https://hooks.example.test/checks"


def test_a_pull_request_from_a_fork_waits_for_a_comment(prod: Run) -> None:
    """It would otherwise run in a privileged build that can use the connection."""
    engine, _ = prod
    policy = engine.one("codebuild/webhook:Webhook", "prod-checks").inputs["pullRequestBuildPolicy"]
    assert policy["requiresCommentApproval"] == "FORK_PULL_REQUESTS"
    assert "GITHUB_READ" not in policy["approverRoles"]


def test_an_approval_request_names_the_release_and_the_url_of_staging(prod: Run) -> None:
    """Commit and images in the message, staging as the link, and the configured timeout."""
    engine, outputs = prod
    approve = action(engine, "Approval", "Approve")
    assert approve["timeoutInMinutes"] == 10080
    assert approve["configuration"]["NotificationArn"] == TOPIC
    assert approve["configuration"]["ExternalEntityLink"] == "#{Acceptance.URL}"
    for part in ("#{SourceVariables.CommitId}", "#{Build.RELEASE}", "#{Acceptance.URL}"):
        assert part in approve["configuration"]["CustomData"]
    assert outputs["approval_link"].endswith("#/Approval/Approve")


def test_the_topic_gets_failures_and_alarms(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a subscription for each configured address."""
    engine, outputs = program.run_prod(monkeypatch, section(notify=["a@example.test", "b@example.test"]))
    assert {one.inputs["endpoint"] for one in engine.of("TopicSubscription")} == {"a@example.test", "b@example.test"}
    rule = engine.one("NotificationRule").inputs
    assert rule["eventTypeIds"] == ["codepipeline-pipeline-pipeline-execution-failed"]
    assert [target["address"] for target in rule["targets"]] == [TOPIC] == [outputs["pipeline_topic"]]
    alarms = {one.inputs["name"]: one.inputs for one in engine.of("MetricAlarm")}
    of_database = {f"slipway-prod-database-{kind}" for kind in ("storage", "cpu", "connections")}
    of_service = {"slipway-prod-balancer-5xx", "slipway-prod-web-5xx", "slipway-prod-web-unhealthy"}
    assert set(alarms) == of_service | of_database
    assert all(one["alarmActions"] == [TOPIC] for one in alarms.values())
    assert all(one["treatMissingData"] == "notBreaching" for one in alarms.values())


def test_each_role_has_the_permissions_of_its_step_and_no_more(prod: Run) -> None:
    """As in the table above."""
    engine, _ = prod
    found = {one.name: sorted(statements(engine, one.name)) for one in engine.of("RolePolicy")}
    del found["prod-web-execution"]
    assert found == {role: sorted(purposes) for role, purposes in STATEMENTS.items()}


def test_a_build_image_in_ecr_is_pulled_with_the_role_of_each_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """CodeBuild's own credentials cannot; the repository may be of another account and region."""
    image = "210987654321.dkr.ecr.eu-west-1.amazonaws.com/tools/build:3"
    engine, _ = program.run_prod(monkeypatch, section(image=image))
    projects = [one.inputs["environment"] for one in engine.of("codebuild/project:Project")]
    assert {(one["image"], one["imagePullCredentialsType"]) for one in projects} == {(image, "SERVICE_ROLE")}
    for project in PROJECTS:
        held = statements(engine, f"prod-{project}")
        assert held["PullBuildImage"]["Resource"] == ["arn:aws:ecr:eu-west-1:210987654321:repository/tools/build"]
        assert set(held["PullBuildImage"]["Action"]) == {
            "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer",
        }  # fmt: skip
        assert held["LogInForBuildImage"]["Action"] == ["ecr:GetAuthorizationToken"]


def test_a_build_image_of_awss_needs_no_permission(prod: Run) -> None:
    """It must not be pulled with the role."""
    engine, _ = prod
    for one in engine.of("codebuild/project:Project"):
        assert "imagePullCredentialsType" not in one.inputs["environment"]
    assert "PullBuildImage" not in statements(engine, "prod-build")


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        (None, None),
        ("aws/codebuild/standard:7.0", None),
        ("public.ecr.aws/acme/python:3.13", None),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/a", "eu-west-1:123456789012:repository/a"),
        (
            f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b-c@sha256:{'0' * 64}",
            "eu-west-1:123456789012:repository/a/b-c",
        ),
        ("123456789012.dkr-ecr.eu-west-1.on.aws/a:1", "eu-west-1:123456789012:repository/a"),
    ],
)
def test_the_repository_of_a_build_image_in_ecr_is_known_by_its_uri(image: str | None, repository: str | None) -> None:
    """Public images need none."""
    home = Home(partition="aws", region=REGION, account=ACCOUNT)
    assert build_images.repository_arn(image, home) == (repository and f"arn:aws:ecr:{repository}")


@pytest.mark.parametrize(
    "image",
    [
        "https://210987654321.dkr.ecr.eu-west-1.amazonaws.com/tools/build:3",
        "21098765432.dkr.ecr.eu-west-1.amazonaws.com/tools/build:3",
        "210987654321.dkr.ecr.eu-west-1.amazonaws.com",
        "210987654321.dkr.ecr.eu-west-1.amazonaws.com/Tools:3",
    ],
)
def test_a_build_image_that_only_looks_like_one_in_ecr_is_refused(monkeypatch: pytest.MonkeyPatch, image: str) -> None:
    """The role would have no permission on it."""
    with pytest.raises(
        ConfigError, match=r"slipway:pipeline.image is .*; it is not a valid ECR image URI; write ACCOUNT"
    ):
        program.run_prod(monkeypatch, section(image=image))


def test_a_step_of_staging_can_touch_nothing_of_production(prod: Run) -> None:
    """No statement of its role names production's services, cluster, families or roles."""
    engine, _ = prod
    for role in ("prod-staging-deploy", "prod-staging-acceptance"):
        for purpose in DEPLOY:
            text = json.dumps(statements(engine, role)[purpose])
            assert "slipway-prod" not in text, (role, purpose)
            assert "prod-web" not in text, (role, purpose)
    for role in ("prod-production-deploy", "prod-production-smoke"):
        for purpose in DEPLOY:
            assert "staging" not in json.dumps(statements(engine, role)[purpose]), (role, purpose)


def test_only_the_task_roles_of_one_environment_can_be_passed(prod: Run) -> None:
    """By their path, and to ECS tasks alone."""
    engine, _ = prod
    held = statements(engine, "prod-production-deploy")["PassTaskRoles"]
    assert held["Resource"] == [f"arn:aws:iam::{ACCOUNT}:role/slipway/prod/tasks/*"]
    assert held["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    paths = {one.name: one.inputs.get("path") for one in engine.of("iam/role:Role")}
    assert {name for name, path in paths.items() if path} == {"prod-web-execution", "prod-web-task"}
    assert paths["prod-web-task"] == "/slipway/prod/tasks/"


def test_only_its_own_project_may_take_a_role(prod: Run) -> None:
    """Not another one of the account, and no other account's."""
    engine, _ = prod
    for one in engine.of("iam/role:Role"):
        (trust,) = json.loads(one.inputs["assumeRolePolicy"])["Statement"]
        if trust["Principal"]["Service"] == "codebuild.amazonaws.com":
            assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
            assert trust["Condition"]["ArnEquals"]["aws:SourceArn"].endswith(f":project/slipway-{one.name}")


def test_no_role_may_create_a_log_group_and_each_has_a_retention(prod: Run) -> None:
    """So that a destroy leaves none."""
    engine, _ = prod
    assert "logs:CreateLogGroup" not in json.dumps([one.inputs for one in engine.of("RolePolicy")])
    groups = {one.inputs["name"]: one.inputs["retentionInDays"] for one in engine.of("LogGroup")}
    database = engine.one("rds/instance:Instance").inputs["identifier"]
    assert groups.pop(f"/aws/rds/instance/{database}/postgresql") == 30
    assert groups == {"/slipway/prod/web": 30} | {f"/slipway/prod/build/{key}": 30 for key in PROJECTS}
    for project in engine.of("codebuild/project:Project"):
        assert project.inputs["logsConfig"]["cloudwatchLogs"]["groupName"] in groups


def test_nothing_of_the_pipeline_blocks_a_destroy(prod: Run) -> None:
    """Artifacts and reports go along, from the day that they are made."""
    engine, _ = prod
    assert engine.one("s3/bucket:Bucket").inputs["forceDestroy"] is True
    reports = engine.of("ReportGroup")
    assert {one.inputs["name"] for one in reports} == {
        *(f"slipway-prod-{key}-{kind}" for key in ("checks", "test") for kind in ("unit", "integration", "coverage")),
        "slipway-prod-build-image",
        "slipway-prod-staging-acceptance-acceptance",
        "slipway-prod-production-smoke-acceptance",
    }
    assert all(one.inputs["deleteReports"] is True for one in reports)


def test_the_artifact_bucket_is_private_and_forgets(prod: Run) -> None:
    """Over TLS, from this account, encrypted, never public, removed by age."""
    engine, _ = prod
    block = engine.one("BucketPublicAccessBlock").inputs
    assert {key for key, value in block.items() if value is True} == {
        "blockPublicAcls",
        "blockPublicPolicy",
        "ignorePublicAcls",
        "restrictPublicBuckets",
    }
    policy = json.loads(engine.one("BucketPolicy").inputs["policy"])
    assert {one["Sid"]: one["Effect"] for one in policy["Statement"]} == {
        "DenyPlainText": "Deny",
        "DenyOtherAccounts": "Deny",
    }
    (rule,) = engine.one("BucketLifecycleConfiguration").inputs["rules"]
    assert rule["expiration"] == {"days": 30}
    assert engine.one("BucketServerSideEncryptionConfiguration")


def test_each_environment_says_which_stage_deploys_to_it(prod: Run) -> None:
    """Delivery finds the pipeline by the environment's name alone."""
    engine, _ = prod
    facts = {one.inputs["name"]: json.loads(one.inputs["insecureValue"]) for one in engine.of("Parameter")}
    staging, production = facts["/slipway/staging/pipeline"], facts["/slipway/prod/pipeline"]
    assert (staging["stage"], production["stage"]) == ("Staging", "Production")
    for one in (staging, production):
        assert one["pipeline"] == "slipway-prod"
        assert (one["approval_stage"], one["approval_action"]) == ("Approval", "Approve")
        assert one["deploy_action"] == "Deploy"
        assert one["projects"] == {key: f"slipway-prod-{key}" for key in PROJECTS}


def test_the_outputs_name_the_pipeline(prod: Run) -> None:
    """Beside those of every environment."""
    _, outputs = prod
    named = {"pipeline", "pipeline_console", "pipeline_projects", "pipeline_topic", "approval_link", "webhook_url"}
    assert named | {"connection_arn", "connection_status"} <= set(outputs)
    assert outputs["pipeline"] == "slipway-prod"
    assert outputs["connection_status"] == "AVAILABLE"
    assert outputs["pipeline_console"] == (
        f"https://{REGION}.console.aws.amazon.com/codesuite/codepipeline/pipelines/slipway-prod/view?region={REGION}"
    )


@pytest.mark.parametrize("status", [None, "PENDING"])
def test_before_the_click_there_is_the_connection_and_no_pipeline(
    monkeypatch: pytest.MonkeyPatch, status: str | None
) -> None:
    """A pipeline created now might never be triggered; the warning says how to complete the connection."""
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    monkeypatch.setattr(program, "RUNS", {})
    engine, outputs = program.run_prod(monkeypatch, program.stack_file("prod"), answers=program.connection(status))
    assert engine.one("codeconnections/connection:Connection").inputs["name"] == "slipway-prod"
    assert not engine.of("codepipeline/pipeline:Pipeline")
    assert not engine.of("codebuild/project:Project")
    assert not engine.of("RepositoryWebhook")
    assert engine.one("ecs/service:Service")
    assert outputs["connection_status"] == "PENDING"
    assert "pipeline" not in outputs
    assert "webhook_url" not in outputs
    assert len(warnings) == 1
    assert "Update pending connection" in warnings[0]
    assert "pulumi up -s prod" in warnings[0]


def test_a_connection_that_failed_is_refused_and_the_pipeline_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the pipeline would be deleted because of it."""
    with pytest.raises(pulumi.RunError, match=r"connection slipway-prod is ERROR; repair it, then repeat: https://"):
        program.run_prod(monkeypatch, program.stack_file("prod"), answers=program.connection("ERROR"))


@pytest.mark.parametrize("tags", [{}, {"project": "slipway", "environment": "staging"}, {"environment": "prod"}])
def test_a_connection_of_this_name_that_is_not_the_stacks_is_refused(
    monkeypatch: pytest.MonkeyPatch, tags: dict[str, str]
) -> None:
    """It may have been made by hand, or for another application."""
    answers = {program.LOOK_UP: lambda _: AVAILABLE | {"tags": tags}}
    with pytest.raises(
        pulumi.RunError, match=r"set Pulumi\.prod\.yaml: slipway:pipeline\.connection_arn to arn:"
    ) as raised:
        program.run_prod(monkeypatch, program.stack_file("prod"), answers=answers)
    assert "--tags Key=project,Value=slipway Key=environment,Value=prod" in str(raised.value)


def test_without_default_tags_the_connection_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing else to know it by."""
    config = {key: value for key, value in program.stack_file("prod").items() if key != "aws:defaultTags"}
    engine, _ = program.run_prod(monkeypatch, config, answers={program.LOOK_UP: lambda _: AVAILABLE})
    assert engine.one("codepipeline/pipeline:Pipeline")


def test_connections_that_cannot_be_listed_are_no_reason_to_make_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only 'not found' means that there is none."""

    def denied(_: dict[str, Any]) -> dict[str, Any]:
        raise Refused("AccessDeniedException: no\n right")

    with pytest.raises(pulumi.RunError, match=r"connection slipway-prod cannot be looked up: .*AccessDenied"):
        program.run_prod(monkeypatch, program.stack_file("prod"), answers={program.LOOK_UP: denied})


def test_a_connection_of_its_own_has_one_arn_whatever_name_it_is_looked_up_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-up speaks the service's former name; what the stack makes is of the present one."""
    former = program.CONNECTION.replace("codeconnections", "codestar-connections")
    (own,) = program.connection("AVAILABLE").values()
    answers = {program.LOOK_UP: lambda asked: own(asked) | {"arn": former}}
    engine, _ = program.run_prod(monkeypatch, program.stack_file("prod"), answers=answers)
    (checks,) = [one for one in engine.of("codebuild/project:Project") if one.name == "prod-checks"]
    assert checks.inputs["source"]["auth"]["resource"] == program.CONNECTION


def test_a_given_connection_is_used_under_both_names_of_its_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is made, and rights match whichever name AWS asks for."""
    engine, outputs = program.run_prod(monkeypatch, section(connection_arn=GIVEN))
    assert not engine.of("codeconnections/connection:Connection")
    assert outputs["connection_arn"] == GIVEN
    assert action(engine, "Source", "Source")["configuration"]["ConnectionArn"] == GIVEN
    held = statements(engine, "prod-pipeline")
    assert held["UseConnection"]["Resource"] == [GIVEN.replace("codestar-connections", "codeconnections")]
    assert held["UseConnectionAsBefore"]["Resource"] == [GIVEN]


@pytest.mark.parametrize(
    ("status", "reason"), [("PENDING", "is PENDING and must be AVAILABLE"), (None, "cannot be read")]
)
def test_an_unusable_connection_is_rejected_before_any_resource_is_declared(
    monkeypatch: pytest.MonkeyPatch, status: str | None, reason: str
) -> None:
    """In one line with file, key and remedy."""
    engine = program.account(program.connection(status))
    with pytest.raises(pulumi.RunError) as refused:
        program.run(monkeypatch, section(connection_arn=GIVEN), stack="prod", engine=engine)
    assert str(refused.value).startswith(f"Pulumi.prod.yaml: slipway:pipeline.connection_arn: connection {GIVEN} ")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
    assert engine.resources == []


def test_by_webhook_github_starts_the_pipeline_with_a_signed_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same secret on both sides, no polling, no connection anywhere."""
    engine, outputs = program.run_prod(monkeypatch, section(trigger="webhook"), secrets=BY_WEBHOOK)
    source = action(engine, "Source", "Source")
    assert (source["owner"], source["provider"], source["version"]) == ("ThirdParty", "GitHub", "1")
    assert source["configuration"] == {
        "Owner": "slipway-example",
        "Repo": "slipway",
        "Branch": "main",
        "OAuthToken": "whisper",
        "PollForSourceChanges": "false",
    }
    receiver = engine.one("codepipeline/webhook:Webhook").inputs
    assert receiver["authentication"] == "GITHUB_HMAC"
    assert receiver["authenticationConfiguration"]["value"] == {"secretToken": "hush"}
    assert receiver["filters"] == [{"jsonPath": "$.ref", "matchEquals": "refs/heads/main"}]
    sender = engine.one("RepositoryWebhook", "prod-source").inputs
    assert sender["events"] == ["push"]
    assert sender["configuration"]["value"]["secret"] == "hush"
    assert outputs["webhook_url"] == "https://hooks.example.test/source"
    assert not {"connection_arn", "connection_status"} & set(outputs)
    assert "triggers" not in engine.one("codepipeline/pipeline:Pipeline").inputs
    assert "auth" not in engine.one("codebuild/project:Project", "prod-checks").inputs["source"]
    assert "onnection" not in engine.one("RolePolicy", "prod-checks").inputs["policy"]
    assert engine.one("codebuild/webhook:Webhook", "prod-checks")


def test_no_secret_is_written_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither into the state of any resource nor into an output."""
    engine, outputs = program.run_prod(monkeypatch, section(trigger="webhook"), secrets=BY_WEBHOOK)

    def shown(value: Any) -> str:  # noqa: ANN401
        """Return a value as text without what Pulumi encrypts."""
        if isinstance(value, dict):
            if value.get("4dabf18193072939515e22adb298388d"):
                return ""
            return "".join(shown(one) for one in value.values())
        return "".join(map(shown, value)) if isinstance(value, list) else str(value)

    for key, asked in engine.options.items():
        text = shown(as_plain(asked.object))
        for secret in ("hush", "whisper", SECRET):
            assert secret not in text, key
    assert "hush" not in json.dumps(outputs)


def test_automatic_approval_is_no_approval_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a stage nor a link nor the permission to publish requests."""
    engine, outputs = program.run_prod(monkeypatch, section(approval="automatic"))
    assert list(stages(engine)) == ["Source", "Build", "Staging", "Production"]
    assert outputs["approval_link"] == ""
    assert "AskForApproval" not in statements(engine, "prod-pipeline")
    facts = {one.inputs["name"]: json.loads(one.inputs["insecureValue"]) for one in engine.of("Parameter")}
    assert facts["/slipway/prod/pipeline"]["approval_stage"] == ""


def test_the_tests_have_a_stage_before_the_build_unless_they_run_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The build waits for nothing then."""
    engine, _ = program.run_prod(monkeypatch, section(parallel_tests=None))
    assert list(stages(engine).items())[:3] == [("Source", ["Source"]), ("Test", ["Test"]), ("Build", ["Build"])]
    assert "ReadActions" not in statements(engine, "prod-build")
    (build,) = [one for one in engine.of("codebuild/project:Project") if one.name == "prod-build"]
    assert "PUSH_AFTER" not in {pair["name"] for pair in build.inputs["environment"]["environmentVariables"]}


def test_the_build_may_wait_for_the_tests_beside_it(prod: Run) -> None:
    """They begin together; the push, at the end of the build, comes after them."""
    engine, _ = prod
    assert {action(engine, "Build", name)["runOrder"] for name in ("Test", "Build")} == {1}
    told = {
        one.name: {pair["name"]: pair["value"] for pair in one.inputs["environment"]["environmentVariables"]}
        for one in engine.of("codebuild/project:Project")
    }
    assert {name: held["PUSH_AFTER"] for name, held in told.items() if "PUSH_AFTER" in held} == {"prod-build": "Test"}
    held = statements(engine, "prod-build")
    assert held["ReadActions"]["Resource"] == [f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:slipway-prod"]
    assert held["ReadTests"]["Resource"] == [f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/slipway-prod-test"]


def test_suites_are_pushed_by_the_build_and_pulled_by_the_steps_that_run_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """With two platforms, by the build for theirs; no other step is told or gains a permission."""
    both = ["linux/amd64", "linux/arm64"]
    without, _ = program.run_prod(monkeypatch, section(platforms=both))
    engine, _ = program.run_prod(monkeypatch, section(platforms=both, push_suites=True))
    told = {
        one.name: {pair["name"]: pair["value"] for pair in one.inputs["environment"]["environmentVariables"]}
        for one in engine.of("codebuild/project:Project")
    }
    assert {name: held["PUSH_SUITES"] for name, held in told.items() if "PUSH_SUITES" in held} == {"prod-build": "1"}
    more = {role: set(statements(engine, role)) - set(statements(without, role)) for role in (*told, "prod-pipeline")}
    pulls = {"LogInForSuites", "PullSuites"}
    assert {role: sids for role, sids in more.items() if sids} == {
        "prod-staging-acceptance": pulls,
        "prod-production-smoke": pulls,
    }
    pull = statements(engine, "prod-production-smoke")["PullSuites"]
    assert pull["Action"] == ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    assert pull["Resource"] == [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/slipway/web"]


def test_production_is_not_entered_while_one_of_its_alarms_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The load balancer's and each service's; the pipeline's role may read just these."""
    engine, _ = program.run_prod(monkeypatch, section(hold_on_alarm=True))
    held = {stage["name"]: stage for stage in engine.one("codepipeline/pipeline:Pipeline").inputs["stages"]}
    assert [name for name, stage in held.items() if "beforeEntry" in stage] == ["Production"]
    condition = held["Production"]["beforeEntry"]["condition"]
    assert condition["result"] == "FAIL"
    watched = [rule["configuration"]["AlarmName"] for rule in condition["rules"]]
    assert watched == ["slipway-prod-balancer-5xx", "slipway-prod-web-5xx"]
    assert set(watched) <= {alarm.inputs["name"] for alarm in engine.of("MetricAlarm")}
    readable = statements(engine, "prod-pipeline")["ReadAlarms"]["Resource"]
    assert [arn.partition(":alarm:")[2] for arn in readable] == watched


def test_alarms_that_no_stage_or_too_many_rules_would_watch_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line each."""
    config = section(hold_on_alarm=True)
    web = config["slipway:environment"]["services"]["web"]
    config["slipway:environment"]["services"] |= {
        name: web | {"route": {"paths": [f"/{name}/*"], "priority": number}} for number, name in enumerate("abcd", 10)
    }
    with pytest.raises(ConfigError, match=r"hold_on_alarm is set with 5 services; CodePipeline takes 5 rules"):
        program.run_prod(monkeypatch, config)
    alone = program.stack_file("staging") | {
        "slipway:pipeline": {"repository": "slipway-example/slipway", "connection_arn": GIVEN, "hold_on_alarm": True},
        "github:owner": "slipway-example",
    }
    with pytest.raises(ConfigError, match=r"hold_on_alarm is set, but this pipeline ends at staging; remove it"):
        program.run(monkeypatch, alone, engine=program.account())


def test_two_platforms_both_wait_for_the_tests_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index comes after all of them."""
    config = section(platforms=["linux/amd64", "linux/arm64"])
    engine, _ = program.run_prod(monkeypatch, config)
    assert stages(engine)["Build"] == ["Test", "Build", "Build-arm64", "Index"]
    orders = [action(engine, "Build", name)["runOrder"] for name in stages(engine)["Build"]]
    assert orders == [1, 1, 1, 2]


def test_a_fleet_runs_all_builds_but_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fleet's machines keep what a build leaves, and the checks run whatever is pushed."""
    engine, _ = program.run_prod(monkeypatch, section(fleet_arn=variants.FLEET))
    fleets = {
        one.name: one.inputs["environment"].get("fleet", {}).get("fleetArn")
        for one in engine.of("codebuild/project:Project")
    }
    assert fleets == dict.fromkeys(fleets, variants.FLEET) | {"prod-checks": None}


def test_staging_alone_has_a_pipeline_that_ends_with_promotion(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one stack, with permissions on its own repositories and services."""
    engine, outputs = staging_alone(monkeypatch)
    assert list(stages(engine)) == ["Source", "Test", "Build", "Staging"]
    assert set(outputs["pipeline_projects"]) == PROJECTS - {"production-deploy", "production-smoke"}
    told = {
        pair["value"]
        for one in engine.of("codebuild/project:Project")
        for pair in one.inputs["environment"]["environmentVariables"]
        if pair["name"] == "STACK"
    }
    assert told == {"staging"}
    names = {one.inputs["name"] for one in engine.of("Parameter")}
    assert {name for name in names if name.endswith("/pipeline")} == {"/slipway/staging/pipeline"}
    pushed = statements(engine, "staging-build")["PushImages"]["Resource"]
    assert pushed == [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/slipway/web"]
    assert outputs["approval_link"] == ""


def test_services_for_arm_are_built_on_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the image would not run; a configured build image is kept."""
    config = section()
    config["slipway:environment"]["services"]["web"]["cpu_architecture"] = "ARM64"
    engine, _ = program.run_prod(monkeypatch, config)
    environment = engine.one("codebuild/project:Project", "prod-build").inputs["environment"]
    assert (environment["type"], environment["image"]) == (
        "ARM_CONTAINER",
        "aws/codebuild/amazonlinux-aarch64-standard:3.0",
    )
    engine, _ = program.run_prod(monkeypatch, section(image="example/image:1"))
    assert engine.one("codebuild/project:Project", "prod-build").inputs["environment"]["image"] == "example/image:1"


def test_the_pipeline_is_made_after_what_its_first_execution_needs(prod: Run) -> None:
    """Creating a pipeline starts an execution."""
    engine, _ = prod
    asked = engine.options["aws:codepipeline/pipeline:Pipeline", "prod"]
    after = {urn.rsplit("::", 1)[-1] for urn in asked.dependencies}
    assert {"prod", "prod-web", "prod.pipeline", "staging.pipeline"} <= after


def test_the_project_whose_role_uses_the_connection_at_once_is_made_last(prod: Run) -> None:
    """CodeBuild uses the connection when it creates the project, and new permissions take some seconds to apply."""
    engine, _ = prod
    asked = engine.options["aws:codebuild/project:Project", "prod-checks"]
    after = {urn.rsplit("::", 1)[-1] for urn in asked.dependencies}
    projects = {one.name for one in engine.of("codebuild/project:Project")}
    assert projects - {"prod-checks"} <= after
    policy = engine.options["aws:iam/rolePolicy:RolePolicy", "prod-checks"]
    assert not projects & {urn.rsplit("::", 1)[-1] for urn in policy.dependencies if "codebuild/project" in urn}


def test_without_the_section_there_is_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither resources nor outputs; the environment's alarms remain, without actions."""
    config = program.stack_file("prod")
    del config["slipway:pipeline"]
    engine, outputs = program.run_prod(monkeypatch, config)
    kinds = ("code", "sns/", "s3/", "github:")
    assert not [one for one in engine.resources if any(kind in one.type.split(":", 1)[1] for kind in kinds)]
    assert not [name for name in outputs if name.startswith(("pipeline", "connection", "webhook", "approval"))]
    assert [one.inputs["alarmActions"] for one in engine.of("MetricAlarm")] == [[]] * 6


def test_a_secret_in_plain_text_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is created."""
    config = section(trigger="webhook") | BY_WEBHOOK
    engine = program.account()
    with pytest.raises(ConfigError) as refused:
        program.run(monkeypatch, config, stack="prod", engine=engine)
    assert "slipway:webhook_secret is in plain text" in str(refused.value)
    assert "github:token is in plain text" in str(refused.value)
    assert not [secret for secret in BY_WEBHOOK.values() if secret in str(refused.value)]
    assert engine.resources == []


@pytest.mark.parametrize("production", [True, False], ids=["to production", "to staging only"])
def test_the_pipeline_has_a_dashboard_if_asked_for(monkeypatch: pytest.MonkeyPatch, *, production: bool) -> None:
    """A release is counted by the last tests, a failure by them and the deploy before; times are shown by action."""
    if production:
        engine, _ = program.run_prod(monkeypatch, section(dashboard=True))
        deploy, tests, actions = "slipway-prod-production-deploy", "slipway-prod-production-smoke", 7
    else:
        config = program.stack_file("staging")
        config["slipway:pipeline"] = {"repository": "slipway-example/slipway", "dashboard": True}
        engine, _ = program.run(monkeypatch, config | {"github:owner": "slipway-example"}, engine=program.account())
        deploy, tests, actions = "slipway-staging-staging-deploy", "slipway-staging-staging-acceptance", 5
    (board,) = [one.inputs for one in engine.of("cloudwatch/dashboard:Dashboard") if one.name.endswith("-pipeline")]
    body = json.loads(board["dashboardBody"])
    assert (body["start"], body["periodOverride"]) == ("-P28D", "inherit")  # else the periods are not days
    graphs = {one["properties"]["title"]: one["properties"] for one in body["widgets"]}
    assert {(one["region"], one["period"]) for one in graphs.values()} == {(REGION, 86400)}
    (released,) = graphs["releases a day"]["metrics"]
    assert released[:4] == ["AWS/CodeBuild", "SucceededBuilds", "ProjectName", tests]
    (rate,), *counted = graphs["failed deploys and tests after them, in % of deploys"]["metrics"]
    assert rate["expression"] == "100 * (FILL(deploys, 0) + FILL(tests, 0)) / reached"
    assert {one[4]["id"]: (one[1], one[3]) for one in counted} == {
        "deploys": ("FailedBuilds", deploy),
        "tests": ("FailedBuilds", tests),
        "reached": ("Builds", deploy),
    }
    assert [one[4]["label"] for one in graphs["seconds of each action"]["metrics"]][:2] == (
        ["Build/Test", "Build/Build"] if production else ["Test/Test", "Build/Build"]
    )
    for title, name in (("seconds in the queue", "QueuedDuration"), ("seconds of each action", "Duration")):
        assert [one[1] for one in graphs[title]["metrics"]] == [name] * actions
    assert "-pipeline" not in "".join(one.name for one in program.run_prod(monkeypatch, section())[0].of("Dashboard"))
