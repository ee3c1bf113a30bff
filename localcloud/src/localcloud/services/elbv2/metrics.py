"""The metrics of load balancers: what HAProxy has counted, and how many targets are healthy.

Source: Application Load Balancers user guide, "CloudWatch metrics for your Application Load Balancer". As there, a
count is published only where it is not zero. Response times are not measured: HAProxy knows their average only.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from localcloud.services.elbv2.state import short

if TYPE_CHECKING:
    from localcloud.services.elbv2.proxies import Proxies
    from localcloud.services.elbv2.state import State

NAMESPACE = "AWS/ApplicationELB"
KIND = "elbv2.counters"
"""The kind of document with the counters that were last read, by load balancer: a kill loses no request."""
FAMILIES = (2, 3, 4, 5)
OWN_FAMILIES = (3, 4, 5)
HEALTH = {"HealthyHostCount": "healthy", "UnHealthyHostCount": "unhealthy"}
LOG = logging.getLogger(__name__)
Row = dict[str, str]
Counters = dict[str, int]


class Metrics:
    """Reads the proxies' counters, and publishes what has been added to them."""

    def __init__(self, state: State, proxies: Proxies) -> None:
        """Use ELBv2's documents and the proxies, whose counters begin anew with each worker."""
        self._state, self._proxies = state, proxies
        self._added: dict[str, Counters] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._hosts: dict[tuple[str, str], list[int]] = {}
        proxies.ending, proxies.begun = self.read, self.fresh

    def fresh(self, balancer: str) -> None:
        """Note that a proxy is new: all that it will have counted is to be published."""
        self._state.ctx.store.put(KIND, balancer, {"worker": "", "totals": {}})

    async def sample(self) -> None:
        """Count the targets by state."""
        for balancer in self._state.balancers.rows:
            for group in self._state.groups_of(balancer):
                states = [target["State"] for target in self._state.targets_of(group)]
                for name, state in HEALTH.items():
                    self._hosts.setdefault((group, name), []).append(states.count(state))

    async def read(self, balancer: str) -> None:
        """Read a proxy's counters and remember what was added since they were last read."""
        async with self._locks.setdefault(balancer, asyncio.Lock()):  # else an older reading could be the later one
            await self._read(balancer)

    async def _read(self, balancer: str) -> None:
        try:
            worker, rows = await self._proxies.proxy(balancer).runtime.counters()
        except (OSError, TimeoutError) as error:
            LOG.info("%s: its counters cannot be read: %s", balancer, error)
            return
        totals = self._totals(balancer, rows)
        known = self._state.ctx.store.get(KIND, balancer)
        if known is None:  # it was there before its counters were read at all: nobody knows when it counted these
            known = {"worker": worker, "totals": totals}
        before = known["totals"]
        if worker != known["worker"] or any(totals.get(key, n) < n for key, n in before.items() if "|" in key):
            before = {}
        # A request is counted for its target before its listener counts it, so that the difference may fall.
        totals |= {key: max(n, before.get(key, 0)) for key, n in totals.items() if "|" not in key}
        added = self._added.setdefault(balancer, {})
        for key, total in totals.items():
            added[key] = added.get(key, 0) + total - before.get(key, 0)
        self._state.ctx.store.put(KIND, balancer, {"worker": worker, "totals": totals})

    async def publish(self, minute: float) -> None:
        """Publish a minute's data points; `minute` is when it began, in seconds since 1970."""
        for balancer in self._state.balancers.values():
            key = balancer["LoadBalancerArn"]
            await self.read(key)
            self._publish_counts(key, self._added.pop(key, {}), minute)
        hosts, self._hosts = self._hosts, {}
        for (group, name), counts in hosts.items():
            if (owner := self._state.balancer_of(group)) is not None:
                self._put(name, dimensions(owner, group), minute, counts)
        self._forget()

    def _publish_counts(self, balancer: str, added: Counters, minute: float) -> None:
        """Publish the counts that are not zero: those of target groups for the load balancer as a whole, too."""
        sums: Counters = {}
        for key, number in added.items():
            name, _, group = key.partition("|")
            sums[name] = sums.get(name, 0) + number
            if number and group:
                self._put(name, dimensions(balancer, group), minute, [number])
        for name, number in sums.items():
            if number:
                self._put(name, dimensions(balancer), minute, [number])

    def _put(self, name: str, named: dict[str, str], minute: float, values: list[int]) -> None:
        self._state.ctx.cloudwatch.publish(NAMESPACE, name, named, minute, "Count", values)

    def _totals(self, balancer: str, rows: list[Row]) -> Counters:
        """Return a proxy's counters by metric, and by target group where a target answered.

        What no target answered is what the listeners have answered beyond that.
        """
        totals: Counters = {}
        servers = [row for row in rows if row["svname"] not in ("FRONTEND", "BACKEND")]
        listeners = [row for row in rows if row["svname"] == "FRONTEND"]
        for group in self._state.groups_of(balancer):
            own = [row for row in servers if row["pxname"] == f"g_{short(group)}"]
            totals[f"RequestCount|{group}"] = total(own, "lbtot") - total(own, "wredis")
            for n in FAMILIES:
                totals[f"HTTPCode_Target_{n}XX_Count|{group}"] = total(own, f"hrsp_{n}xx")
        for n in OWN_FAMILIES:
            totals[f"HTTPCode_ELB_{n}XX_Count"] = max(
                total(listeners, f"hrsp_{n}xx") - total(servers, f"hrsp_{n}xx"), 0
            )
        return totals

    def _forget(self) -> None:
        """Delete the counters of load balancers that do not exist any more."""
        for key in self._state.ctx.store.all(KIND):
            if key not in self._state.balancers.rows:
                self._state.ctx.store.delete(KIND, key)
                self._locks.pop(key, None)


def total(rows: list[Row], column: str) -> int:
    """Return the sum of a column of HAProxy's statistics."""
    return sum(int(row.get(column) or 0) for row in rows)


def dimensions(balancer: str, group: str = "") -> dict[str, str]:
    """Return the dimensions of a load balancer, or of one of its target groups: the ends of their ARNs."""
    own = {"LoadBalancer": balancer.partition(":loadbalancer/")[2]}
    return own | {"TargetGroup": group.rpartition(":")[2]} if group else own
