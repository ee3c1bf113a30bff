"""A stack that the doctor looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delivery.operator.doctor import Doctor
from tests.unit.delivery.account import Account
from tests.unit.delivery.estate import Estate

if TYPE_CHECKING:
    import pytest

    from tests.unit.delivery.world import World


class Patient:
    """A stack whose pipeline has all that it needs, and the doctor's words about it."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        """Bring it up."""
        self.world, self.capsys, self.account = world, capsys, Account()
        services = ("sts", "iam", "service-quotas", "codeconnections")
        world.aws.services |= dict.fromkeys(services, self.account)
        self.estate = Estate(aws=world.aws, names=("ec2", "rds"))
        self.estate.add("vpcs", "vpc-1")
        self.estate.add(
            "route_tables", "rtb-1", VpcId="vpc-1", Routes=[{"NatGatewayId": "nat-1"}, {"GatewayId": "local"}]
        )
        self.estate.add("nat_gateways", "nat-1")
        world.pipeline.connection = "arn:aws:codeconnections:eu-west-1:1:connection/x"
        machine = {"type": "LINUX_CONTAINER", "computeType": "BUILD_GENERAL1_SMALL", "image": "i"}
        for key in ("checks", "build"):
            project = {"name": f"slipway-{key}", "environment": machine, "webhook": {"url": "https://x"}}
            world.builds.projects[f"slipway-{key}"] = project

    def findings(self) -> tuple[int, dict[str, list[str]]]:
        """Return the exit code, and by what was checked the lines found."""
        code = Doctor(clients=self.world.aws, stack=self.world.stack).run()
        found: dict[str, list[str]] = {}
        for line in self.capsys.readouterr().out.splitlines()[1:]:
            level, _, rest = line.replace("not checked", "unknown").partition(" ")
            what, _, text = rest.strip().partition(" ")
            found.setdefault(what, []).append(f"{level}: {text.strip()}")
        return code, found
