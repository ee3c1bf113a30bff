"""IAM policies and the registry's lifecycle."""

from __future__ import annotations

import json

import pytest

from contract.images import in_use_tag, suite_tag
from infra.aws import iam, resource_policies
from infra.aws.arns import Home
from tests.fake_lifecycle import Image, expired

LIFECYCLE = resource_policies.image_lifecycle(releases=3, accepted=3, built=3, candidate_days=14)
# The one action on everything, and why there is no narrower resource.
ALLOWED_ON_EVERYTHING = {"ecr:GetAuthorizationToken": "the token is the registry's, IAM takes no resource for it"}


def test_a_task_may_start_and_nothing_else() -> None:
    """No wildcard but the one that the table gives a reason for."""
    document = iam.task_execution_policy("arn:repository", "arn:log-group:*", ["arn:secret"])
    for statement in document["Statement"]:
        assert all("*" not in action for action in statement["Action"])
        if "*" in statement["Resource"]:
            assert set(statement["Action"]) <= set(ALLOWED_ON_EVERYTHING)


def test_a_task_without_secrets_may_read_none() -> None:
    """The statement is left out, rather than left empty."""
    names = [one["Sid"] for one in iam.task_execution_policy("arn:repository", "arn:log-group", [])["Statement"]]
    assert names == ["PullImage", "LogInToRegistry", "WriteLogs"]


@pytest.mark.parametrize(("partition", "suffix"), [("aws", ""), ("aws-us-gov", ""), ("aws-cn", ".cn")])
def test_a_task_decrypts_only_what_it_reads_by_the_service_that_holds_it(partition: str, suffix: str) -> None:
    """Secrets and parameters in statements of their own; a key of one's own by no other way."""
    secret, parameter = f"arn:{partition}:secretsmanager:x:1:secret:a-AbCdEf", f"arn:{partition}:ssm:x:1:parameter/a/b"
    made = {
        one["Sid"]: one
        for one in iam.task_execution_policy(
            "arn:r", "arn:l", ["arn:database"], configured=[f"{secret}:key::", parameter], keys=["arn:key"]
        )["Statement"]
    }
    assert made["ReadSecrets"]["Resource"] == [secret, "arn:database"]
    assert made["ReadParameters"]["Action"] == ["ssm:GetParameters"]
    assert made["ReadParameters"]["Resource"] == [parameter]
    assert made["Decrypt"]["Action"] == ["kms:Decrypt"]
    assert made["Decrypt"]["Resource"] == ["arn:key"]
    via = [f"secretsmanager.x.amazonaws.com{suffix}", f"ssm.x.amazonaws.com{suffix}"]
    assert made["Decrypt"]["Condition"] == {"StringEquals": {"kms:ViaService": via}}


def test_only_the_named_service_may_take_the_role() -> None:
    """The trust policy names ECS tasks."""
    statement = json.loads(iam.service_trust_policy("ecs-tasks.amazonaws.com"))["Statement"][0]
    assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}


def test_a_role_can_be_kept_to_one_account_and_one_resource() -> None:
    """So that no other customer's resource makes AWS use it."""
    statement = json.loads(iam.service_trust_policy("codebuild.amazonaws.com", account="1", source="arn:x"))[
        "Statement"
    ][0]
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "1"},
        "ArnEquals": {"aws:SourceArn": "arn:x"},
    }


def test_a_private_bucket_lets_in_no_plain_text_and_no_other_account() -> None:
    """The bucket itself and all that is in it."""
    document = resource_policies.private_bucket("arn:aws:s3:::one", "1")
    assert all(one["Effect"] == "Deny" for one in document["Statement"])
    assert all(one["Resource"] == ["arn:aws:s3:::one", "arn:aws:s3:::one/*"] for one in document["Statement"])
    conditions = [one["Condition"] for one in document["Statement"]]
    assert conditions[0] == {"Bool": {"aws:SecureTransport": "false"}}
    assert conditions[1]["StringNotEquals"] == {"aws:PrincipalAccount": "1"}


def test_a_bucket_takes_access_logs_of_its_own_account_and_nothing_else() -> None:
    """From Elastic Load Balancing, whose requests may not say for which load balancer they are."""
    home = Home(partition="aws", region="eu-central-1", account="1")
    *denied, deliver = resource_policies.access_logs("arn:aws:s3:::one", home)["Statement"]
    assert [one["Effect"] for one in denied] == ["Deny", "Deny"]
    balancers = "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/*"
    assert deliver == {
        "Sid": "DeliverLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": ["s3:PutObject"],
        "Resource": ["arn:aws:s3:::one/AWSLogs/1/*"],
        "Condition": {"ArnLikeIfExists": {"aws:SourceArn": balancers}},
    }


def test_a_topic_takes_messages_for_its_own_account_only() -> None:
    """From alarms, and from notifications, whose requests may not say for which account they are."""
    conditions = {
        one["Principal"]["Service"]: one["Condition"] for one in resource_policies.topic("arn:topic", "1")["Statement"]
    }
    assert conditions == {
        "cloudwatch.amazonaws.com": {"StringEquals": {"aws:SourceAccount": "1"}},
        "codestar-notifications.amazonaws.com": {"StringEqualsIfExists": {"aws:SourceAccount": "1"}},
    }


def test_a_deployed_release_and_its_rollback_target_never_expire() -> None:
    """However old they are, and however many candidates were pushed since."""
    running = Image("running", 400, ("candidate-a", "accepted-a", "released-a-1"))
    before = Image("before", 500, ("candidate-b", "accepted-b", "released-b-1"))
    candidates = [Image(f"c{index}", 100 - index, (f"candidate-{index}",)) for index in range(60)]
    accepted = [Image(f"a{index}", 30 - index, (f"candidate-x{index}", f"accepted-x{index}")) for index in range(20)]
    gone = expired(LIFECYCLE, [running, before, *candidates, *accepted])
    assert not gone & {"running", "before"}


@pytest.mark.parametrize("tag", ["candidate-a", "accepted-a", "released-a-1", "content-a"])
def test_an_image_that_runs_never_expires_whatever_put_it_there(tag: str) -> None:
    """Production's first image is accepted only, one deployed by hand a candidate, another stack's releases many."""
    running = Image("running", 1000, (tag, in_use_tag("prod", "sha256:" + "1" * 64)))
    newer = [
        Image(f"{kind}{index}", index, (f"{kind}-{index}", f"in-use-staging-{index}"))
        for index in range(200)
        for kind in ("candidate", "accepted", "released", "content")
    ]
    assert "running" not in expired(LIFECYCLE, [running, *newer])
    unmarked = [Image(one.digest, one.age, one.tags[:1]) for one in (running, *newer)]
    assert "running" in expired(LIFECYCLE, unmarked)


def test_an_image_built_by_pulumi_stays_while_newer_ones_are_few() -> None:
    """What staging runs under `rollout: pulumi` has no other tag."""
    images = [Image(f"i{index}", index * 100, (f"content-{index}",)) for index in range(3)]
    assert expired(LIFECYCLE, images) == set()


def test_candidates_that_never_passed_go_by_age() -> None:
    """A young one stays, an old one goes, one that was accepted stays."""
    images = [
        Image("young", 13, ("candidate-1",)),
        Image("old", 15, ("candidate-2",)),
        Image("accepted", 15, ("candidate-3", "accepted-3")),
    ]
    assert expired(LIFECYCLE, images) == {"old"}


def test_the_images_of_suites_go_by_age_and_take_no_release_its_place() -> None:
    """However many they are, and whether their commit was released or not."""
    releases = [Image(f"r{age}", age, (f"candidate-{age}", f"accepted-{age}", f"released-{age}-1")) for age in range(3)]
    suites = [Image(f"s{age}", age, (suite_tag(str(age)),)) for age in range(30)]
    assert expired(LIFECYCLE, [*releases, *suites]) == {f"s{age}" for age in range(15, 30)}


def test_more_than_the_kept_number_of_releases_expire_oldest_first() -> None:
    """Production's history is bounded."""
    images = [Image(f"r{index}", index, (f"released-{index}",)) for index in range(5)]
    assert expired(LIFECYCLE, images) == {"r3", "r4"}


def test_an_untagged_image_goes_after_a_day() -> None:
    """Nothing refers to it."""
    assert expired(LIFECYCLE, [Image("new", 0.5), Image("old", 2)]) == {"old"}


def test_the_images_of_an_index_stay_as_long_as_the_index_does() -> None:
    """Old candidates by their own tags, but what production runs; they do not count among the releases, either."""
    old = ("candidate-1-amd64", "candidate-1-arm64")
    index = Image("index", 400, ("candidate-1", "accepted-1", "released-1-run"), parts=old)
    images = [Image(tag, 400, (tag,)) for tag in old]
    newer = [Image(f"r{age}", age, (f"released-{age}",)) for age in range(3)]
    assert expired(LIFECYCLE, [index, *images, *newer[:2]]) == set()
    assert expired(LIFECYCLE, [index, *images, *newer]) == {"index", *old}


def test_the_images_of_a_platform_go_by_age_where_no_index_was_made_of_them() -> None:
    """The build for the other platform failed."""
    assert expired(LIFECYCLE, [Image("young", 13, ("candidate-1-arm64",))]) == set()
    assert expired(LIFECYCLE, [Image("old", 15, ("candidate-1-arm64",))]) == {"old"}
