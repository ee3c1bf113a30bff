"""The resources of the operations of databases, monitoring, scaling, load balancers, topics and notifications. Pure.

Source: AWS's Service Authorization Reference, "Actions, resources, and condition keys" of each service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.iam.names import ARN, Names, Reading, rows

if TYPE_CHECKING:
    from localcloud.iam.calls import Call


def rds(call: Call, names: Names) -> Reading:
    """Return the resources of an RDS call: those that it names, all of the kind where it names none."""
    p = call.params
    if str(p.get("ResourceName", "")).startswith(ARN):
        return [str(p["ResourceName"])], {}
    kinds = {"DBInstanceIdentifier": "db", "DBSubnetGroupName": "subgrp", "DBSnapshotIdentifier": "snapshot"}
    kinds["FinalDBSnapshotIdentifier"] = "snapshot"
    if found := [names.arn("rds", f"{kind}:{p[member]}") for member, kind in kinds.items() if p.get(member)]:
        return found, {}
    listed = {"DescribeDBInstances": "db", "DescribeDBSubnetGroups": "subgrp", "DescribeDBSnapshots": "snapshot"}
    return [names.arn("rds", f"{listed[call.operation]}:*") if call.operation in listed else "*"], {}


def cloudwatch(call: Call, names: Names) -> Reading:
    """Return the alarms and dashboards of a CloudWatch call, given one by one or as a list."""
    p = call.params
    if p.get("ResourceARN"):
        return [str(p["ResourceARN"])], {}
    alarms = [
        p.get("AlarmName"),
        *rows(p.get("AlarmNames")),
        *(p[name] for name in p if name.startswith("AlarmNames.")),
    ]
    if found := names.each("cloudwatch", "alarm:", filter(None, alarms)) if any(alarms) else []:
        return found, {}
    boards = [p.get("DashboardName"), *rows(p.get("DashboardNames"))]
    boards += [p[name] for name in p if name.startswith("DashboardNames.")]
    # A dashboard's ARN has no region.
    found = [f"arn:aws:cloudwatch::{names.account}:dashboard/{board}" for board in boards if board]
    return found or [names.arn("cloudwatch", "alarm:*") if call.operation == "DescribeAlarms" else "*"], {}


def scaling(call: Call, names: Names) -> Reading:
    """Return the scalable target of an Application Auto Scaling call; descriptions have no resource."""
    if call.operation.startswith("Describe"):
        return ["*"], {}
    return [str(call.params.get("ResourceARN") or names.arn("application-autoscaling", "scalable-target/*"))], {}


def balancing(call: Call, names: Names) -> Reading:
    """Return the resources of an ELBv2 call: what it creates by its name, anything else by its ARN."""
    kinds = {"CreateLoadBalancer": "loadbalancer/app", "CreateTargetGroup": "targetgroup"}
    if call.operation in kinds:
        return [names.arn("elasticloadbalancing", f"{kinds[call.operation]}/{call.params.get('Name', '')}/*")], {}
    return by_arns(call, names)


def sns(call: Call, names: Names) -> Reading:
    """Return the topic of an SNS call; what is done to a subscription has no resource."""
    if "SubscriptionArn" in call.params:
        return ["*"], {}
    made = call.params.get("Name") if call.operation == "CreateTopic" else None
    return ([names.arn("sns", str(made))], {}) if made else by_arns(call, names)


def notifications(call: Call, names: Names) -> Reading:
    """Return the notification rule of a CodeStar Notifications call; the ARN of a new one is not known yet."""
    made = call.operation == "CreateNotificationRule"
    return ([names.arn(call.service, "notificationrule/*")], {}) if made else by_arns(call, names)


def by_arns(call: Call, _names: Names) -> Reading:
    """Return the ARNs in a call's parameters, for services that name resources by ARN: ELBv2, SNS, STS."""
    if call.operation.startswith(("Describe", "List")) and call.service == "elasticloadbalancing":
        return ["*"], {}
    found = [str(value) for name, value in sorted(call.params.items()) if "Arn" in name and isinstance(value, str)]
    return [value for value in found if value.startswith(ARN)] or ["*"], {}
