"""Names that an account has once for all of its regions: dashboards, and the preview role.

A second stack of the same name in another region would overwrite the dashboard of the first one, and fail on the role
half-way: CloudWatch's dashboards are the account's (CloudWatch User Guide, "Using Amazon CloudWatch dashboards"), and
so are IAM's roles. Every stack has a dashboard, whose graphs say of which region it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pulumi
from botocore.exceptions import BotoCoreError, ClientError

from infra.aws import names

if TYPE_CHECKING:
    from infra.clients import Clients
    from infra.config.stack import StackConfig
    from infra.live.records import Standing


def check(clients: Clients, config: StackConfig, up: Standing) -> None:
    """Check that a new stack's names are not those of a stack in another region; without a right to look, nothing.

    A stack that has been up keeps its names, and one whose first `up` failed finds a dashboard of its own region.

    Raises:
        pulumi.RunError: they are.
    """
    if up.services is None or up.services:
        return
    name = names.dashboard(config.stack)
    regions = _regions(clients, name)
    if regions and config.region not in regions:
        raise pulumi.RunError(
            f"the account has the dashboard {name}, of a stack in {', '.join(sorted(regions))}; names of dashboards "
            "and of IAM roles are the account's, not the region's; give this stack another name: pulumi stack init NAME"
        )


def _regions(clients: Clients, name: str) -> set[str]:
    """Return the regions of a dashboard's graphs; none where there is no such dashboard, or it cannot be read."""
    try:
        body = clients("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"]
    except (ClientError, BotoCoreError):
        return set()
    return set(re.findall(r'"region": ?"([a-z0-9-]+)"', body))
