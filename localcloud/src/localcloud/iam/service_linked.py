"""Service-linked roles, without which services of AWS refuse to create what they manage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

    from localcloud.iam.roles import Roles

ECS, BALANCING, RDS = "ecs.amazonaws.com", "elasticloadbalancing.amazonaws.com", "rds.amazonaws.com"
NAMES = {
    ECS: "AWSServiceRoleForECS",
    BALANCING: "AWSServiceRoleForElasticLoadBalancing",
    RDS: "AWSServiceRoleForRDS",
    "ecs.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_ECSService",
    "codestar-notifications.amazonaws.com": "AWSServiceRoleForCodeStarNotifications",
}
"""The roles' names by service (AWS's guides, "Using service-linked roles"); ministack derives others."""
REFUSALS = {
    ECS: (
        "InvalidParameterException",
        "Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
    ),
    RDS: (
        "InvalidParameterValue",
        "Unable to create the resource. Verify that you have permission to create service linked role. Otherwise wait "
        "and try again later",
    ),
}
"""What AWS answers to the first who creates a cluster or a database in an account (aws-cloudformation/
cloudformation-coverage-roadmap#818, aws-samples/eks-workshop-v2#1609).

Elastic Load Balancing creates its role at once.
"""


def apply(iam: ModuleType) -> None:
    """Let ministack give service-linked roles the names that AWS does."""
    vars(iam)["_IAM_HANDLERS"]["CreateServiceLinkedRole"] = named(iam, vars(iam)["_create_service_linked_role"])


def named(iam: Any, create: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return CreateServiceLinkedRole with AWS's name for a role, and its refusal of a second one."""

    def mended(params: Any) -> Any:
        service = iam._p(params, "AWSServiceName")  # noqa: SLF001 - ministack has no public name for it
        roles = iam._roles  # noqa: SLF001 - ministack has no public name for it
        name = NAMES.get(service)
        if name is None:
            return create(params)
        if name in roles:
            text = f"Service role name {name} has been taken in this account, please try a different suffix."
            return iam._error(400, "InvalidInput", text, ns="iam")  # noqa: SLF001 - ministack has no public name for it
        derived = f"AWSServiceRoleFor{service.split('.')[0].capitalize()}"
        held = roles.pop(derived, None)
        create(params)
        made = roles.pop(derived)
        if held is not None:
            roles[derived] = held
        roles[name] = {**made, "RoleName": name, "Arn": made["Arn"].removesuffix(derived) + name}
        shown = f"<CreateServiceLinkedRoleResult><Role>{iam._role_xml(name)}</Role></CreateServiceLinkedRoleResult>"  # noqa: SLF001 - ministack has no public name for it
        return iam._xml(200, "CreateServiceLinkedRoleResponse", shown, ns="iam")  # noqa: SLF001 - ministack has no public name for it

    return mended


def create_all(iam: ModuleType, services: Iterable[str] = NAMES) -> None:
    """Create the roles that are missing, as in an account in which the services have been used before."""
    for service in services:
        if NAMES[service] not in vars(iam)["_roles"]:
            vars(iam)["_IAM_HANDLERS"]["CreateServiceLinkedRole"]({"AWSServiceName": [service]})


def require(roles: Roles, service: str) -> None:
    """Refuse what a service cannot do without its role.

    Raises:
        ApiError: the account has no such role.
    """
    if roles.get(NAMES[service]) is None:
        raise ApiError(*REFUSALS[service])
