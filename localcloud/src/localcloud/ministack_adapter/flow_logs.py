"""Flow logs as EC2 keeps them: with the role, format, interval and tags asked for, and one for each destination.

ministack leaves these out of its answers, so that the provider would replace a flow log that it has read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from types import ModuleType

ID = re.compile(r"<flowLogId>(.+?)</flowLogId>")
TAGGED_AS = "vpc-flow-log"
"""EC2's name of the kind in a tag specification; ministack expects another."""
# CreateFlowLogs: the parameter, the member of the answer, the default (VPC user guide, "Default format").
KEPT = {
    "DeliverLogsPermissionArn": ("deliverLogsPermissionArn", ""),
    "LogFormat": (
        "logFormat",
        "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} "
        "${bytes} ${start} ${end} ${action} ${log-status}",
    ),
    "MaxAggregationInterval": ("maxAggregationInterval", "600"),
}


def apply(ec2: ModuleType) -> None:
    """Replace ministack's operations.

    Args:
        ec2: its module.
    """
    operations = vars(ec2)["_ACTION_MAP"]
    create, describe = operations["CreateFlowLogs"], operations["DescribeFlowLogs"]

    def create_flow_logs(params: Any) -> Any:
        asked = {ec2._p(params, "LogDestination") or ec2._p(params, "LogGroupName")}  # noqa: SLF001 - ministack has no public name for it
        wanted = set(ec2._parse_member_list(params, "ResourceId"))  # noqa: SLF001 - ministack has no public name for it
        kept = ec2._flow_logs  # noqa: SLF001 - ministack has no public name for it
        for name, one in kept.items():
            if one["ResourceId"] in wanted and one["LogDestination"] in asked:
                text = f"Error. There is an existing Flow Log with the same configuration and log destination: {name}"
                return ec2._error("FlowLogAlreadyExists", text, 400)  # noqa: SLF001 - ministack has no public name for it
        before = set(kept)
        answer = create(params)
        for name in set(kept) - before:
            kept[name].update({key: ec2._p(params, key) or default for key, (_, default) in KEPT.items()})  # noqa: SLF001 - ministack has no public name for it
            ec2._parse_tag_specs(params, TAGGED_AS, name)  # noqa: SLF001 - ministack has no public name for it
        return answer

    def describe_flow_logs(params: Any) -> Any:
        status, headers, body = describe(params)
        return status, headers, ID.sub(lambda found: found[0] + _members(ec2, found[1]), body.decode()).encode()

    operations.update(CreateFlowLogs=create_flow_logs, DescribeFlowLogs=describe_flow_logs)


def _members(ec2: ModuleType, name: str) -> str:
    """Return what a flow log has beside what ministack tells of it."""
    kept = ec2._flow_logs[name]  # noqa: SLF001 - ministack has no public name for it
    told = {member: kept.get(key, default) for key, (member, default) in KEPT.items()}
    return "".join(f"<{member}>{escape(text)}</{member}>" for member, text in told.items() if text)
