"""What an interrupted `up` left: the doctor names it with the command that removes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.delivery.edge import BALANCER

if TYPE_CHECKING:
    from tests.unit.delivery.patient import Patient

USED, OTHER = "used.rds.amazonaws.com", "other.rds.amazonaws.com"
REMEDY = ": delivery clean --stack staging --unknown"
FINE = "ok: one load balancer, one network and one database at most carry the stack's tags"


def database(patient: Patient, name: str, address: str) -> None:
    """Let a database stand; one that AWS still creates has no address."""
    endpoint = {"Endpoint": {"Address": address}} if address else {}
    patient.estate.add("databases", name, **endpoint)


def told(patient: Patient) -> list[str]:
    """Return what the doctor tells of leftovers; none of them makes a release fail."""
    code, found = patient.findings()
    assert code == 0
    return found["leftovers"]


def test_a_second_load_balancer_is_named(patient: Patient) -> None:
    """By the target groups that the records name."""
    patient.world.balancer.balancers.append(f"{BALANCER}0")
    (line,) = told(patient)
    assert line.startswith(f"warn: load balancer {BALANCER}0 carries the tags of staging, which uses another")
    assert line.endswith(REMEDY)


@pytest.mark.parametrize("value", [USED, f"postgres://app@{USED}:5432/app"], ids=["host", "url"])
@pytest.mark.parametrize("address", [OTHER, ""], ids=["available", "creating"])
def test_a_second_database_is_named(patient: Patient, value: str, address: str) -> None:
    """By the address in the templates, in whichever variable it is."""
    database(patient, "staging-1", USED)
    database(patient, "staging-2", address)
    patient.world.template(DB=value)
    (line,) = told(patient)
    assert line.startswith("warn: database staging-2 carries the tags of staging, which uses another")
    assert line.endswith(REMEDY)


def test_which_database_is_used_is_not_guessed(patient: Patient) -> None:
    """No service need use one."""
    database(patient, "staging-1", USED)
    assert told(patient) == [FINE]
    database(patient, "staging-2", OTHER)
    told_of = "which of the databases staging-1, staging-2 is the stack's: no service uses one"
    assert told(patient) == [f"unknown: {told_of}"]


def test_a_second_network_is_named(patient: Patient) -> None:
    """VPCs, and NAT gateways that no route leads to."""
    patient.estate.add("vpcs", "vpc-2")
    patient.estate.add("nat_gateways", "nat-2")
    patient.estate.add("nat_gateways", "nat-3", State="deleting")
    patient.estate.add("nat_gateways", "nat-4", State="deleted")
    lines = told(patient)
    assert [line.partition(" carries")[0] for line in lines] == [
        "warn: VPC vpc-2",
        "warn: NAT gateway nat-2",
    ]
    assert all(line.endswith(REMEDY) for line in lines)


def test_without_a_load_balancer_in_use_none_is_named(patient: Patient) -> None:
    """What a stack uses that is half up is not guessed."""
    patient.world.balancer.balancers.clear()
    unclear = "unknown: no service is behind a load balancer, so what the stack uses is not known"
    assert told(patient) == [unclear]
    patient.world.balancer.balancers.append(BALANCER)
    del patient.world.parameters.values["/slipway/staging/services/web"]
    assert patient.findings()[1]["leftovers"] == [unclear]


def test_what_is_of_another_stack_is_not_named(patient: Patient) -> None:
    """Nor what is nobody's."""
    for number, held in enumerate(({"project": "slipway", "environment": "prod"}, {"environment": "staging"})):
        patient.estate.add("vpcs", f"vpc-x{number}", held)
        patient.estate.add("databases", f"db-x{number}", held)
    assert told(patient) == [FINE]


def test_what_cannot_be_asked_is_not_checked(patient: Patient) -> None:
    """And makes no release fail."""
    patient.world.aws.fail("DescribeDBInstances", "AccessDeniedException")
    assert told(patient)[0].startswith("unknown: AWS refused DescribeDBInstances")


def test_what_carries_the_tags_of_a_stack_that_is_not_up_is_counted(patient: Patient) -> None:
    """With what finishes or removes it; a destroyed stack that left nothing is not mentioned."""
    patient.world.parameters.values.clear()
    patient.world.balancer.balancers.clear()
    code, found = patient.findings()
    assert code == 1  # it is not up
    (line,) = found["leftovers"]
    assert line.startswith("warn: 1 NAT gateway, 1 VPC carry the tags of staging, which has never been ")
    assert line.endswith("pulumi up -s staging finishes it; otherwise: delivery clean --stack staging")
    for name in ("vpc-1", "nat-1"):
        patient.estate.gone(name)
    assert "leftovers" not in patient.findings()[1]
