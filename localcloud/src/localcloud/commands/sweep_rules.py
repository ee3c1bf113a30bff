"""The rules of `sweep`: for each AWS API, functions that yield a line for each leftover resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Client = Any
SCALING = "application-autoscaling"
NOTIFICATIONS = "codestar-notifications"
OF_ECS = {"ServiceNamespace": "ecs"}


def pages(client: Client, operation: str, member: str, **parameters: object) -> Iterator[Any]:
    """Yield the items of a listing, over all pages if the API has pagination."""
    if client.can_paginate(operation):
        for page in client.get_paginator(operation).paginate(**parameters):
            yield from page.get(member, [])
    else:
        yield from getattr(client, operation)(**parameters).get(member, [])


def listing(
    kind: str, operation: str, member: str, name: str, **parameters: object
) -> Callable[[Client], Iterator[str]]:
    """Return a rule that yields every item that an operation lists.

    Args:
        kind: the kind of resource in the lines, e.g. "log group".
        operation: the name of boto3's method.
        member: the member of the response that holds the list.
        name: the field that identifies an item; "" if items are strings.
        parameters: the operation's parameters.
    """

    def rule(client: Client) -> Iterator[str]:
        for item in pages(client, operation, member, **parameters):
            yield f"{kind} {item[name] if name else item}"

    return rule


def ecs(client: Client) -> Iterator[str]:
    """Active clusters and services, tasks that are not stopped, and ACTIVE task definitions."""
    arns = list(pages(client, "list_clusters", "clusterArns"))
    clusters = client.describe_clusters(clusters=arns)["clusters"] if arns else []
    for cluster in clusters:
        if cluster["status"] != "INACTIVE":
            yield f"cluster {cluster['clusterName']}"
            for service in pages(client, "list_services", "serviceArns", cluster=cluster["clusterArn"]):
                yield f"service {service}"
            for task in pages(client, "list_tasks", "taskArns", cluster=cluster["clusterArn"]):
                yield f"task {task}"
    for definition in pages(client, "list_task_definitions", "taskDefinitionArns", status="ACTIVE"):
        yield f"task definition {definition}"


def networks(client: Client) -> Iterator[str]:
    """VPCs except the default one, with their subnets and internet gateways."""
    default = default_networks(client)
    for vpc in pages(client, "describe_vpcs", "Vpcs"):
        if vpc["VpcId"] not in default:
            yield f"vpc {vpc['VpcId']}"
    for subnet in pages(client, "describe_subnets", "Subnets"):
        if subnet["VpcId"] not in default:
            yield f"subnet {subnet['SubnetId']}"
    for gateway in pages(client, "describe_internet_gateways", "InternetGateways"):
        if not any(attachment.get("VpcId") in default for attachment in gateway.get("Attachments", [])):
            yield f"internet gateway {gateway['InternetGatewayId']}"


def default_networks(client: Client) -> list[str]:
    """Return the ids of the account's default VPCs."""
    return [vpc["VpcId"] for vpc in pages(client, "describe_vpcs", "Vpcs") if vpc.get("IsDefault")]


def groups_and_tables(client: Client) -> Iterator[str]:
    """Security groups and route tables except those that every VPC is created with."""
    for group in pages(client, "describe_security_groups", "SecurityGroups"):
        if group["GroupName"] != "default":
            yield f"security group {group['GroupId']} ({group['GroupName']})"
    for table in pages(client, "describe_route_tables", "RouteTables"):
        if not any(association.get("Main") for association in table.get("Associations", [])):
            yield f"route table {table['RouteTableId']}"


def gateways(client: Client) -> Iterator[str]:
    """NAT gateways and VPC endpoints that are not deleted."""
    for gateway in pages(client, "describe_nat_gateways", "NatGateways"):
        if gateway["State"] not in ("deleted", "deleting"):
            yield f"nat gateway {gateway['NatGatewayId']}"
    for endpoint in pages(client, "describe_vpc_endpoints", "VpcEndpoints"):
        if endpoint.get("State", "").lower() not in ("deleted", "deleting"):
            yield f"vpc endpoint {endpoint['VpcEndpointId']}"


def roles(client: Client) -> Iterator[str]:
    """Roles except service-linked ones, which belong to the account."""
    for role in pages(client, "list_roles", "Roles"):
        if not role["Path"].startswith("/aws-service-role/"):
            yield f"role {role['RoleName']}"


def alarms(client: Client) -> Iterator[str]:
    """Metric and composite alarms."""
    answer = client.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    for alarm in [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]:
        yield f"alarm {alarm['AlarmName']}"


def snapshots(client: Client) -> Iterator[str]:
    """Manual snapshots, and automated backups whose instance is deleted."""
    for row in pages(client, "describe_db_snapshots", "DBSnapshots"):
        yield f"database snapshot {row['DBSnapshotIdentifier']}"
    for row in pages(client, "describe_db_instance_automated_backups", "DBInstanceAutomatedBackups"):
        yield f"database backup {row['DBInstanceIdentifier']}"


def keys(client: Client) -> Iterator[str]:
    """Customer managed keys that are not pending deletion."""
    for key in pages(client, "list_keys", "Keys"):
        found = client.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
        if found.get("KeyManager") == "CUSTOMER" and found["KeyState"] != "PendingDeletion":
            yield f"key {key['KeyId']}"


RULES: list[tuple[str, Callable[[Client], Iterator[str]]]] = [
    ("s3", listing("bucket", "list_buckets", "Buckets", "Name")),
    ("logs", listing("log group", "describe_log_groups", "logGroups", "logGroupName")),
    ("ecr", listing("repository", "describe_repositories", "repositories", "repositoryName")),
    ("ecs", ecs),
    ("elbv2", listing("load balancer", "describe_load_balancers", "LoadBalancers", "LoadBalancerName")),
    ("elbv2", listing("target group", "describe_target_groups", "TargetGroups", "TargetGroupName")),
    (SCALING, listing("scalable target", "describe_scalable_targets", "ScalableTargets", "ResourceId", **OF_ECS)),
    (SCALING, listing("scaling policy", "describe_scaling_policies", "ScalingPolicies", "PolicyName", **OF_ECS)),
    ("ec2", networks),
    ("ec2", groups_and_tables),
    ("ec2", gateways),
    ("ec2", listing("elastic address", "describe_addresses", "Addresses", "AllocationId")),
    ("ec2", listing("network interface", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId")),
    ("ec2", listing("flow log", "describe_flow_logs", "FlowLogs", "FlowLogId")),
    ("iam", roles),
    ("iam", listing("policy", "list_policies", "Policies", "PolicyName", Scope="Local")),
    ("iam", listing("instance profile", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName")),
    ("iam", listing("user", "list_users", "Users", "UserName")),
    ("iam", listing("identity provider", "list_open_id_connect_providers", "OpenIDConnectProviderList", "Arn")),
    ("ssm", listing("parameter", "describe_parameters", "Parameters", "Name")),
    ("secretsmanager", listing("secret", "list_secrets", "SecretList", "Name", IncludePlannedDeletion=True)),
    ("cloudwatch", alarms),
    ("cloudwatch", listing("dashboard", "list_dashboards", "DashboardEntries", "DashboardName")),
    ("rds", listing("database", "describe_db_instances", "DBInstances", "DBInstanceIdentifier")),
    ("rds", listing("database subnet group", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName")),
    ("rds", snapshots),
    ("sns", listing("topic", "list_topics", "Topics", "TopicArn")),
    ("sqs", listing("queue", "list_queues", "QueueUrls", "")),
    ("events", listing("event rule", "list_rules", "Rules", "Name")),
    ("kms", keys),
    ("codebuild", listing("build project", "list_projects", "projects", "")),
    ("codebuild", listing("report group", "list_report_groups", "reportGroups", "")),
    ("codepipeline", listing("pipeline", "list_pipelines", "pipelines", "name")),
    ("codepipeline", listing("pipeline webhook", "list_webhooks", "webhooks", "arn")),
    ("codeconnections", listing("connection", "list_connections", "Connections", "ConnectionArn")),
    (NOTIFICATIONS, listing("notification rule", "list_notification_rules", "NotificationRules", "Arn")),
    ("acm", listing("certificate", "list_certificates", "CertificateSummaryList", "CertificateArn")),
]  # fmt: skip
"""The rules by API (boto3's client names)."""
