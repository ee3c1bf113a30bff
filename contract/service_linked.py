"""The service-linked roles that a stack needs of its account, by service of AWS.

The first request that needs one fails in an account that has none, for an administrator too: AWS begins to create it,
and that takes longer than the request (aws-cloudformation/cloudformation-coverage-roadmap#818, terraform-aws-modules/
terraform-aws-rds#364). That of Elastic Load Balancing is created at once, if whoever creates the load balancer may.
"""

from __future__ import annotations

ECS, BALANCING = "ecs.amazonaws.com", "elasticloadbalancing.amazonaws.com"
RDS, NOTIFICATIONS = "rds.amazonaws.com", "codestar-notifications.amazonaws.com"
ROLES = {
    ECS: "AWSServiceRoleForECS",
    BALANCING: "AWSServiceRoleForElasticLoadBalancing",
    RDS: "AWSServiceRoleForRDS",
    NOTIFICATIONS: "AWSServiceRoleForCodeStarNotifications",
}


def remedy(service: str) -> str:
    """Return the command that creates a service's role; it is the account's, and no stack owns it."""
    return f"aws iam create-service-linked-role --aws-service-name {service}"
