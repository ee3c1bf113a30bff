"""AWS managed policies that stacks attach and ministack does not know.

Source: AWS Managed Policy Reference.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

ELB = "arn:aws:elasticloadbalancing:*:*"
READS = ("DescribeListeners", "DescribeRules", "DescribeTargetGroups", "DescribeTargetHealth")
POLICIES = {
    "AmazonECSInfrastructureRolePolicyForLoadBalancers": [
        ([f"elasticloadbalancing:{name}" for name in READS], "*"),
        (
            ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"],
            f"{ELB}:targetgroup/*/*",
        ),
        (["elasticloadbalancing:ModifyListener"], f"{ELB}:listener/app/*/*/*"),
        (["elasticloadbalancing:ModifyListener"], f"{ELB}:listener/net/*/*/*"),
        (["elasticloadbalancing:ModifyRule"], f"{ELB}:listener-rule/app/*/*/*/*"),
    ],
}
"""Actions and resources of each policy's statements, all of which allow."""


def apply(iam: ModuleType) -> None:
    """Make the policies known, now and after each reset of ministack.

    Args:
        iam: ministack's IAM module.
    """
    seed = iam._seed_aws_managed_policies  # noqa: SLF001 - ministack has no public name for it

    def seed_all() -> None:
        seed()
        for name, rows in POLICIES.items():
            statements = [{"Effect": "Allow", "Action": actions, "Resource": resource} for actions, resource in rows]
            document = json.dumps({"Version": "2012-10-17", "Statement": statements})
            record = iam._make_aws_managed_record(name, document)  # noqa: SLF001 - ministack has no public name for it
            iam._aws_managed_policies[record["Arn"]] = record  # noqa: SLF001 - ministack has no public name for it

    vars(iam)["_seed_aws_managed_policies"] = seed_all
    seed_all()
