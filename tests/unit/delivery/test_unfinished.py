"""`delivery clean` after an interrupted `up`: Pulumi adopts what it was creating, and what is in no state is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from delivery.errors import DeliveryError
from delivery.operator import leftovers
from delivery.operator.pulumi_state import Pulumi as Program
from delivery.operator.tagged import Left
from delivery.operator.unfinished import Unfinished
from tests.unit.delivery.estate import Estate
from tests.unit.delivery.pulumi import resource

if TYPE_CHECKING:
    from tests.unit.delivery.commands import Commands
    from tests.unit.delivery.pulumi import Pulumi
    from tests.unit.delivery.world import World

OTHERS = ("ec2", "rds", "elbv2", "iam", "logs")
ROLE, VPC = "aws:iam/role:Role", "aws:ec2/vpc:Vpc"
LEFT = "2 resources carry the tags of staging, and Pulumi's state has none of them; remove them: delivery clean "


@pytest.fixture
def estate(served: Commands) -> Estate:
    """An account in which the stack staging has never been up."""
    served.world.parameters.values.clear()
    return Estate(aws=served.world.aws, names=OTHERS)


def test_pulumi_adopts_what_it_was_creating(served: Commands, estate: Estate, pulumi: Pulumi) -> None:
    """Its state then has it, read from AWS, and no pending operation; the next `up` goes on from there."""
    estate.add("roles", "staging-web-1")
    begun = [resource(ROLE, "staging-web", name="staging-web-1"), resource(ROLE, "other", name="staging-other-1")]
    pulumi.has(resource(VPC, "staging", "vpc-1"), creating=begun)
    code, told = served("clean")
    assert code == 0, told
    adopted = {**begun[0], "id": "staging-web-1"}
    assert pulumi.state()["resources"][-1] == adopted
    assert pulumi.state()["pending_operations"] == []
    (call,) = pulumi.calls("refresh")
    assert call.endswith(f"--yes --skip-preview --non-interactive --target {adopted['urn']}")
    assert "adopted: aws:iam/role:Role staging-web staging-web-1" in told
    assert "run: pulumi up -s staging" in told
    assert estate.deleted() == []


def test_what_was_adopted_and_not_read_is_read_by_the_next_run(
    served: Commands, estate: Estate, pulumi: Pulumi
) -> None:
    """The first one was interrupted between the two."""
    estate.add("roles", "staging-web-1")
    one = resource(ROLE, "staging-web", "staging-web-1")
    del one["outputs"]
    pulumi.has(one)
    assert served("clean")[0] == 0
    assert one["urn"] in pulumi.calls("refresh")[0]


def test_adoption_alone_removes_nothing(served: Commands, estate: Estate, pulumi: Pulumi) -> None:
    """Not even of a stack that the state has nothing of."""
    estate.add("vpcs", "vpc-1", CidrBlock="10.0.0.0/16")
    pulumi.has()
    code, told = served("clean", "--adopt")
    assert (code, "there is nothing to adopt" in told) == (0, True)
    pulumi.has(resource(VPC, "other", "vpc-0"), creating=[resource(VPC, "staging", cidrBlock="10.0.0.0/16")])
    code, told = served("clean", "--adopt")
    assert (code, "adopted: aws:ec2/vpc:Vpc staging vpc-1" in told) == (0, True)
    assert estate.deleted() == []


def test_a_creation_that_a_later_up_repeated_is_not_adopted(served: Commands, estate: Estate, pulumi: Pulumi) -> None:
    """What it created first is in no state, so it is named."""
    estate.add("vpcs", "vpc-1", CidrBlock="10.0.0.0/16")
    estate.add("vpcs", "vpc-2", CidrBlock="10.0.0.0/16")
    pulumi.has(resource(VPC, "staging", "vpc-2"), creating=[resource(VPC, "staging", cidrBlock="10.0.0.0/16")])
    code, told = served("clean")
    assert (code, "left: VPC vpc-1" in told, "vpc-2" in told) == (0, True, False), told
    assert [one.get("id") for one in pulumi.state()["resources"]] == [None, "vpc-2"]
    assert pulumi.state()["pending_operations"] == []


def test_a_stack_that_is_being_created_is_not_taken_for_a_destroyed_one(
    served: Commands, estate: Estate, pulumi: Pulumi
) -> None:
    """It has no records yet; what is in the state stays, and what another command is creating is not touched."""
    estate.add("vpcs", "vpc-1")
    pulumi.has(resource(VPC, "staging", "vpc-1"))
    assert served("clean", "--unknown")[0] == 0
    estate.add("roles", "staging-web-1")
    before = resource(ROLE, "staging-web", name="staging-web-1")
    pulumi.has(resource(VPC, "staging", "vpc-1"), creating=[before])
    pulumi.lock()
    for option in ("--keep=5", "--unknown"):
        code, told = served("clean", option)
        assert code == 1
        assert told.splitlines()[-1].endswith(
            "or if it was killed: pulumi cancel -s staging --yes; then: delivery clean --stack staging"
        )
    assert pulumi.state()["pending_operations"] == [{"type": "creating", "resource": before}]
    assert estate.deleted() == []


def test_what_is_in_no_state_goes_only_if_that_is_asked_for(served: Commands, estate: Estate, pulumi: Pulumi) -> None:
    """Without --unknown it is named with the command; the stack keeps what its state has."""
    for name in ("vpc-1", "vpc-2", "vpc-3"):
        estate.add("vpcs", name)
    pulumi.has(resource(VPC, "staging", "vpc-2"))
    for option in ("--keep=5", "--dry-run"):
        code, told = served("clean", option)
        assert code == 0
        assert f"{LEFT}--stack staging --unknown" in told
    assert estate.deleted() == []
    code, told = served("clean", "--unknown")
    assert (code, "removed what no state has: 2 VPCs" in told) == (0, True), told
    assert list(estate.things) == ["vpc-2"]


def test_a_state_that_an_up_has_written_meanwhile_is_not_overwritten(world: World, pulumi: Pulumi) -> None:
    """It has what an older export does not have."""
    program, begun = Program(["pulumi"]), [resource(VPC, "other", cidrBlock="10.0.0.0/16")]
    pulumi.has(resource(VPC, "staging", "vpc-1"), creating=begun)
    older = program.state("staging")
    assert older
    pulumi.has(resource(VPC, "staging", "vpc-1"), resource(VPC, "other", "vpc-2"))
    unfinished = Unfinished(clients=world.aws, stack="staging", say=world.say, pulumi=program, environment=None)
    with pytest.raises(DeliveryError, match=r"its state has changed meanwhile.*: delivery clean --stack staging"):
        unfinished.run([], older, leftovers.Options(), unknown=False)
    assert [one.get("id") for one in pulumi.state()["resources"]] == [None, "vpc-1", "vpc-2"]


def test_nothing_goes_while_the_stack_is_locked(served: Commands, estate: Estate, pulumi: Pulumi) -> None:
    """Though no operation is pending."""
    estate.add("vpcs", "vpc-1")
    pulumi.has(resource(VPC, "staging", "vpc-2"))
    pulumi.lock()
    code, told = served("clean", "--unknown")
    assert (code, "stack staging is locked" in told) == (1, True)
    assert estate.deleted() == []


def test_a_dry_run_changes_nothing(served: Commands, estate: Estate, pulumi: Pulumi) -> None:
    """It names what would be adopted."""
    estate.add("roles", "staging-web-1")
    pulumi.has(resource(VPC, "staging", "vpc-1"), creating=[resource(ROLE, "web", name="staging-web-1")])
    code, told = served("clean", "--dry-run")
    assert (code, "would be adopted: aws:iam/role:Role web staging-web-1" in told) == (0, True), told
    assert pulumi.calls("stack import") == pulumi.calls("refresh") == []


def test_without_pulumi_no_stack_is_taken_for_destroyed(served: Commands, estate: Estate, pulumi: Pulumi) -> None:
    """Unless the user says that it is."""
    estate.add("vpcs", "vpc-1")
    pulumi.fails("no credentials")
    code, told = served("clean")
    assert code == 1
    assert told.endswith("nothing is removed; if it is: delivery clean --stack staging --destroyed\n")
    assert "error: no credentials" in told
    assert estate.deleted() == []
    assert served("clean", "--destroyed")[0] == 0
    assert estate.things == {}


def test_a_state_that_is_not_that_of_the_stack_that_is_up_is_no_reason_to_remove(world: World, pulumi: Pulumi) -> None:
    """Everything that the stack uses would be unknown in it."""
    pulumi.has(resource(VPC, "staging", "vpc-2"))
    program = Program(["pulumi"])
    state = program.state("staging")
    assert state
    unfinished = Unfinished(
        clients=world.aws, stack="staging", say=world.say, pulumi=program, environment=world.environment
    )
    listed = [(leftovers.VPC, Left(name="vpc-1"))]
    with pytest.raises(DeliveryError, match=r"target group of its service web: it is in another backend"):
        unfinished.run(listed, state, leftovers.Options(), unknown=True)
    assert pulumi.calls("stack import") == []
    unfinished.run(listed, state, leftovers.Options(), unknown=False)
