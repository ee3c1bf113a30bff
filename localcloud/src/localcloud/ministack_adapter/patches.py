"""ministack's faults that stacks would meet, patched in place; tests/apis shows each."""

from __future__ import annotations

import copy
from functools import wraps
from typing import TYPE_CHECKING, Any

from localcloud.iam import service_linked
from localcloud.ministack_adapter import flow_logs, managed_policies

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

ALL_PROTOCOLS = "-1"


def apply(app: ModuleType) -> None:
    """Patch the known faults of ministack 1.5.33.

    Args:
        app: its application module.
    """
    iam = app._get_module("iam")  # noqa: SLF001 - ministack has no public name for it
    service_linked.apply(iam)
    managed_policies.apply(iam)
    vars(app)["_docker_socket_present"] = lambda: False  # containers are our own services' only
    acm = app._get_module("acm")  # noqa: SLF001 - ministack has no public name for it
    acm.get_state = with_private_keys(acm)
    ec2 = app._get_module("ec2")  # noqa: SLF001 - ministack has no public name for it
    flow_logs.apply(ec2)
    ec2._parse_ip_permissions = without_ports_of_all_protocols(ec2._parse_ip_permissions)  # noqa: SLF001 - ministack has no public name for it


def with_private_keys(acm: ModuleType) -> Callable[[], dict[str, Any]]:
    """Let what is saved of ACM have the private keys of imported certificates, which ministack leaves out.

    A listener needs them after a restart too; no operation returns them, and others may not read the state folder.
    """
    return lambda: {"_certificates": copy.deepcopy(acm._certificates)}  # noqa: SLF001 - ministack has no public name for it


def without_ports_of_all_protocols(parse: Callable[..., list[dict[str, Any]]]) -> Callable[..., list[dict[str, Any]]]:
    """Let rules for all protocols have no ports, whatever the request says, as EC2 does.

    ministack compares the ports (the provider sends 0, the default rule has none), so the default egress rule is never
    revoked, and a rule of the stack's own that equals it loses its tags.
    """

    @wraps(parse)
    def mended(*arguments: object, **named: object) -> list[dict[str, Any]]:
        rules = parse(*arguments, **named)
        for rule in rules:
            if rule.get("IpProtocol") == ALL_PROTOCOLS:
                rule.pop("FromPort", None)
                rule.pop("ToPort", None)
        return rules

    return mended
