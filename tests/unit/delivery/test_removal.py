"""What a destroyed stack left: it is found by its tags, and goes in an order that AWS accepts."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from delivery.errors import DeliveryError
from delivery.operator.leftovers import Options
from delivery.operator.removal import Removal
from tests.unit.delivery.aws import Aws
from tests.unit.delivery.estate import Estate, arn

BALANCER = arn("elasticloadbalancing", "loadbalancer/app/staging-1/1")
GROUP = arn("elasticloadbalancing", "targetgroup/staging-web/1")
RULE = [{"IpProtocol": "tcp"}]


@pytest.fixture
def estate() -> Estate:
    """An account in which nothing lies about."""
    return Estate(aws=Aws())


@pytest.fixture
def said() -> list[str]:
    """The progress lines."""
    return []


def removal(estate: Estate, said: list[str], **options: bool) -> Removal:
    """Return the removal of what is left of staging."""
    clock = estate.aws.time.clock()
    return Removal(clients=estate.aws, stack="staging", say=said.append, options=Options(**options), clock=clock)


def one_of_each(estate: Estate, held: dict[str, str] | None = None, end: str = "") -> None:
    """Let one of each kind lie about, held by those that AWS wants deleted before."""
    balancer, group = estate.add("load balancers", BALANCER + end, held), estate.add("target groups", GROUP + end, held)
    database, subnets = estate.add("databases", f"db{end}", held), estate.add("subnet groups", f"dbs{end}", held)
    estate.add("clusters", f"slipway-staging{end}", held)
    estate.add("services", f"staging-web{end}", held, clusterArn=f"slipway-staging{end}", runningCount=0)
    nat, address = estate.add("nat_gateways", f"nat{end}", held), estate.add("addresses", f"eip{end}", held)
    gateway = estate.add("internet_gateways", f"igw{end}", held, Attachments=[{"VpcId": "vpc"}])
    subnet, table = estate.add("subnets", f"subnet{end}", held), estate.add("route_tables", f"rtb{end}", held)
    two_ways = {"IpPermissionsEgress": RULE, "IpPermissions": RULE}
    edge = estate.add("security_groups", f"sg-lb{end}", held, GroupName="lb", **two_ways)
    tasks = estate.add("security_groups", f"sg-web{end}", held, GroupName="web", IpPermissions=RULE)
    vpc = estate.add("vpcs", f"vpc{end}", held)
    estate.add("flow_logs", f"fl{end}", held, ResourceId=vpc)
    path = {"Path": "/slipway/staging/tasks/"}
    document = '{"Resource": "arn:aws:logs:eu-west-1:1:log-group:x"}'
    estate.add("roles", f"staging-web-task{end}", held, **path, policies={"p": document})
    estate.add("roles", f"slipway-staging-preview{end}", held)
    estate.add("log groups", f"/slipway/staging/web{end}", held)
    estate.add("parameters", f"/slipway/staging/services/web{end}", held)
    estate.add("ecr", f"slipway/web{end}", held)
    estate.holders |= {
        f"slipway-staging{end}": {f"staging-web{end}"}, group: {balancer}, subnets: {database}, address: {nat},
        gateway: {balancer, address}, subnet: {balancer, database, nat}, table: {subnet}, edge: {balancer, tasks},
        tasks: {edge, database}, vpc: {gateway, subnet, table, edge, tasks},
    }  # fmt: skip


def test_everything_with_the_tags_of_the_stack_goes(estate: Estate, said: list[str]) -> None:
    """In one run, each named before and after, and counted."""
    one_of_each(estate)
    told = removal(estate, said).run()
    assert estate.things == {}
    assert told.startswith("1 service, 1 cluster, 1 load balancer, 1 target group, 1 database, ")
    assert "2 security groups, 1 VPC, 2 roles, 1 log group, 1 parameter" in told
    assert f"left: load balancer {BALANCER}" in said
    assert f"deleted load balancer {BALANCER}" in said


def test_the_default_security_group_is_left_to_the_network_that_it_goes_with(estate: Estate, said: list[str]) -> None:
    """AWS refuses to delete it, and deletes it with the VPC."""
    estate.add("security_groups", "sg-default", GroupName="default")
    estate.add("vpcs", "vpc")
    assert removal(estate, said).run() == "1 VPC"


@pytest.mark.parametrize(
    "held",
    [
        {"project": "slipway", "environment": "prod"},
        {"project": "other", "environment": "staging"},
        {"project": "slipway"},
    ],
    ids=["another stack", "another project", "no stack"],
)
def test_what_is_of_others_stays(estate: Estate, said: list[str], held: dict[str, str]) -> None:
    """Though names and paths are those of the stack."""
    one_of_each(estate)
    one_of_each(estate, held, "-other")
    before = {name for name in estate.things if name.endswith("-other")}
    removal(estate, said).run()
    assert set(estate.things) == before


def test_a_repository_that_holds_an_image_stays(estate: Estate, said: list[str]) -> None:
    """It may be a release; one that an interrupted `up` created is empty."""
    estate.add("ecr", "slipway/web", images=[{"imageTag": "first"}])
    estate.add("ecr", "slipway/api")
    estate.add("ecr", "slipway/site")
    assert removal(estate, said).run() == "2 empty repositories"
    assert list(estate.things) == ["slipway/web"]


def test_nothing_left_takes_no_time(estate: Estate, said: list[str]) -> None:
    """And says nothing."""
    assert removal(estate, said).run() == ""
    assert (said, estate.deleted(), estate.aws.time.slept) == ([], [], 0)


def test_a_dry_run_names_and_removes_nothing(estate: Estate, said: list[str]) -> None:
    """What is protected is said to be."""
    estate.add("databases", "db", DeletionProtection=True)
    estate.add("vpcs", "vpc")
    removal(estate, said).show()
    assert said == ["left: database db (protected against deletion)", "left: VPC vpc"]
    assert estate.deleted() == []


def test_a_database_leaves_a_snapshot(estate: Estate, said: list[str]) -> None:
    """Which is named."""
    estate.add("databases", "staging-1")
    removal(estate, said).run()
    (asked,) = estate.aws.asked("DeleteDBInstance")
    assert asked["FinalDBSnapshotIdentifier"].startswith("staging-1-left-20")
    assert f"deleted database staging-1; its last snapshot stays: {asked['FinalDBSnapshotIdentifier']}" in said


def test_a_database_leaves_none_if_that_is_asked_for(estate: Estate, said: list[str]) -> None:
    """By --skip-snapshot."""
    estate.add("databases", "staging-1")
    removal(estate, said, skip_snapshot=True).run()
    assert estate.aws.asked("DeleteDBInstance") == [{"DBInstanceIdentifier": "staging-1", "SkipFinalSnapshot": True}]


def test_a_database_that_aws_still_creates_is_waited_for(estate: Estate, said: list[str]) -> None:
    """As after a kill; the reason is said once."""
    held: dict[str, Any] = {"DBInstanceStatus": "creating"}
    estate.add("databases", "staging-1", **held)
    estate.aws.time.at(300, lambda: estate.things["staging-1"].update(DBInstanceStatus="available"))
    removal(estate, said).run()
    assert said.count("waiting for database staging-1: staging-1 is creating") == 1
    assert 300 <= estate.aws.time.slept < 330


def test_a_deletion_that_goes_on_is_not_asked_for_again(estate: Estate, said: list[str]) -> None:
    """But waited for: what follows needs it gone."""
    one_of_each(estate)
    estate.lasting = 120
    removal(estate, said).run()
    assert len(estate.aws.asked("DeleteDBInstance")) == 1
    assert len(estate.aws.asked("DeleteNatGateway")) == 1
    assert [name for name in estate.things if estate.things[name].get("State") != "deleted"] == []


@pytest.mark.parametrize(
    ("kind", "title", "row"),
    [("databases", "database", {"DeletionProtection": True}), ("load balancers", "load balancer", {"protected": True})],
    ids=["database", "load balancer"],
)
def test_what_is_protected_goes_only_if_that_is_asked_for(
    estate: Estate, said: list[str], kind: str, title: str, row: dict[str, Any]
) -> None:
    """Else nothing goes at all, and the message has the command."""
    estate.add(kind, "it", **row)
    estate.add("vpcs", "vpc")
    with pytest.raises(DeliveryError, match=f"{title} it is protected.*delivery clean --stack staging --unprotect"):
        removal(estate, said).run()
    assert estate.deleted() == []
    removal(estate, said, unprotect=True).run()
    assert estate.things == {}


def test_a_service_that_runs_tasks_shows_that_the_stack_is_not_destroyed(estate: Estate, said: list[str]) -> None:
    """Nothing goes then, unless --running says that it is."""
    one_of_each(estate)
    estate.things["staging-web"]["runningCount"] = 1
    with pytest.raises(
        DeliveryError, match=r"service staging-web runs tasks, .*pulumi destroy -s staging; .*--running"
    ):
        removal(estate, said).run()
    assert estate.deleted() == []
    removal(estate, said, running=True).run()
    assert estate.things == {}


def test_roles_of_a_stack_in_another_region_show_that_it_may_stand(estate: Estate, said: list[str]) -> None:
    """Roles have no region: the wrong AWS_REGION would delete those of a living stack."""
    document = '{"Resource": "arn:aws:logs:eu-central-1:1:log-group:x"}'
    estate.add("roles", "staging-web", policies={"p": document})
    with pytest.raises(DeliveryError, match=r"role staging-web .* is of region eu-central-1, and this is eu-west-1"):
        removal(estate, said).run()
    assert estate.deleted() == []


def test_what_aws_goes_on_to_refuse_is_named(estate: Estate, said: list[str]) -> None:
    """With the reason and the next command, after an hour."""
    estate.add("vpcs", "vpc")
    estate.add("subnets", "foreign", {})
    estate.holders["vpc"] = {"foreign"}
    with pytest.raises(DeliveryError, match=r"VPC vpc is still there: .*held by foreign; run it again: delivery clean"):
        removal(estate, said).run()
    assert 3600 <= estate.aws.time.slept < 3700


def test_what_went_by_itself_is_no_failure(estate: Estate, said: list[str]) -> None:
    """Somebody else has deleted it between the look and the deletion."""
    estate.add("log groups", "/slipway/staging/web")
    estate.aws.hooks["DeleteLogGroup"] = partial(estate.gone, "/slipway/staging/web")
    estate.aws.fail("DeleteLogGroup", "ResourceNotFoundException")
    removal(estate, said).run()
    assert estate.things == {}
