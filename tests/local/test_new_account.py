"""The first day in an account: what no service has been used for yet is refused as AWS does, and said beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from contract.service_linked import ECS, ROLES, remedy

if TYPE_CHECKING:
    from tests.local.workspace import Workspace

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def account(workspace: Workspace) -> Workspace:
    """The local cloud, started anew as an account in which nothing has been used yet."""
    workspace.must("bin/localcloud", "reset")
    workspace.environment["LOCALCLOUD_NEW_ACCOUNT"] = "1"
    workspace.must("bin/localcloud", "up", "--yes")
    return workspace


def test_services_refuse_what_needs_their_role(account: Workspace) -> None:
    """In AWS's words."""
    with pytest.raises(ClientError, match="verify that the ECS service linked role exists"):
        account.client("ecs").create_cluster(clusterName="slipway-staging")
    database = {"DBInstanceClass": "db.t4g.micro", "Engine": "postgres", "MasterUsername": "app"}
    with pytest.raises(ClientError, match="Verify that you have permission to create service linked role"):
        account.client("rds").create_db_instance(
            DBInstanceIdentifier="staging", ManageMasterUserPassword=True, AllocatedStorage=20, **database
        )


def test_preview_up_and_doctor_name_the_missing_roles_with_their_commands(account: Workspace) -> None:
    """Nothing has been created then; once the roles are there, nothing is missed."""
    needed = [service for service in ROLES if "notifications" not in service]
    for command in (["preview"], ["up", "--yes", "--skip-preview"]):
        done = account.pulumi(*command, "-s", "staging")
        assert done.returncode != 0
        assert all(remedy(service) in done.stdout for service in needed), done.stdout
        assert "Traceback" not in done.stdout
    assert account.client("ec2").describe_vpcs(Filters=[{"Name": "tag:project", "Values": ["slipway"]}])["Vpcs"] == []
    doctor = account.delivery("doctor", "--stack", "staging")
    assert doctor.returncode == 1
    assert all(remedy(service) in doctor.stdout for service in ROLES)
    for service in ROLES:
        made = account.client("iam").create_service_linked_role(AWSServiceName=service)["Role"]["RoleName"]
        assert made == ROLES[service]
    with pytest.raises(ClientError, match=f"Service role name {ROLES[ECS]} has been taken in this account"):
        account.client("iam").create_service_linked_role(AWSServiceName=ECS)
    done = account.pulumi("preview", "-s", "staging")
    assert done.returncode == 0, done.stdout
