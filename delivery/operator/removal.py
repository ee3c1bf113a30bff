"""The removal of what is left of a destroyed stack: Pulumi does not know it, because an `up` was killed, say."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from botocore.exceptions import ClientError

from delivery.aws.clients import code
from delivery.errors import DeliveryError
from delivery.operator import leftovers, tagged
from delivery.session import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from delivery.aws.clients import Clients
    from delivery.console import Say
    from delivery.operator.leftovers import Kind, Options
    from delivery.operator.tagged import Left
    from delivery.session import Clock

    Found: TypeAlias = Sequence[tuple[Kind, Left]]

POLL_SECONDS = 5.0
LIMIT_SECONDS = 3600.0
"""Of one kind: a final snapshot takes longest; network interfaces of load balancers last for minutes."""
IN_USE = {
    "ClusterContainsServicesException", "ClusterContainsTasksException", "UpdateInProgressException", "ResourceInUse",
    "InvalidDBInstanceState", "InvalidDBSubnetGroupStateFault", "DependencyViolation", "InvalidIPAddress.InUse",
    "DeleteConflict", "ConcurrentModification", "OperationAbortedException", "Gateway.NotAttached",
}  # fmt: skip
"""Errors of a deletion that a later try may succeed after."""
GONE = re.compile("NotFound|NoSuchEntity|ServiceNotActive")
LOGS = re.compile(r"arn:aws[a-z-]*:logs:([a-z0-9-]+):")


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """Removes what carries a stack's tags: once the stack is destroyed all of it, else `only` what is named."""

    clients: Clients
    stack: str
    say: Say
    options: Options
    clock: Clock = SYSTEM
    only: frozenset[str] | None = None

    def found(self) -> Found:
        """Return what is left, in the order of its deletion."""
        return [(kind, left) for kind in leftovers.KINDS for left in self._of(kind)]

    def _of(self, kind: Kind) -> list[Left]:
        every = kind.find(self.clients, self.stack)
        return [left for left in every if self.only is None or left.name in self.only]

    def show(self) -> None:
        """Name what is left, and remove nothing."""
        for kind, left in self.found():
            self.say(f"left: {kind.title} {left.name}{' (protected against deletion)' if left.protected else ''}")

    def run(self) -> str:
        """Remove what is left.

        Returns:
            What was removed, in a few words; empty if nothing was left.

        Raises:
            DeliveryError: the stack is not destroyed or stands in another region, something is protected (nothing has
                been removed then), or AWS goes on to refuse the deletion of something.
        """
        found = self.found()
        self._refuse_running(found)
        self._refuse_elsewhere(found)
        self._refuse_protected(found)
        for kind, left in found:
            self.say(f"left: {kind.title} {left.name}")
        for kind in {kind.title: kind for kind, _ in found}.values():
            self._remove(kind)
        counts = Counter(kind.title for kind, _ in found)
        return ", ".join(f"{count} {title if count == 1 else _plural(title)}" for title, count in counts.items())

    def _refuse_running(self, found: Found) -> None:
        for kind, left in found:
            if kind is leftovers.SERVICE and left.row["runningCount"] and not (left.going or self.options.running):
                raise DeliveryError(
                    f"service {left.name} runs tasks, so stack {self.stack} is not destroyed; run: pulumi destroy -s "
                    f"{self.stack}; if Pulumi does not know the service: delivery clean --stack {self.stack} --running"
                )

    def _refuse_elsewhere(self, found: Found) -> None:
        """Refuse where roles, which have no region, write logs in another one: the stack may stand there."""
        iam, here = self.clients("iam"), self.clients("ssm").meta.region_name
        for role in [left.name for kind, left in found if kind is leftovers.ROLE]:
            for policy in tagged.rows(iam, "list_role_policies", "PolicyNames", RoleName=role):
                document = json.dumps(iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"])
                if other := set(LOGS.findall(document)) - {here}:
                    raise DeliveryError(
                        f"role {role} of stack {self.stack} is of region {min(other)}, and this is {here}; "
                        f"nothing is removed; name the stack's region: export AWS_REGION={min(other)}"
                    )

    def _refuse_protected(self, found: Found) -> None:
        for kind, left in found:
            if left.protected and not self.options.unprotect:
                raise DeliveryError(
                    f"{kind.title} {left.name} is protected against deletion, so nothing is removed; to remove it, "
                    f"too: delivery clean --stack {self.stack} --unprotect"
                )

    def _remove(self, kind: Kind) -> None:
        """Delete all of a kind, again and again until none is left."""
        end, told = self.clock.now() + LIMIT_SECONDS, set[str]()
        while left := self._of(kind):
            reasons = [self._delete(kind, one, told) for one in left if not one.going]
            if not (left := self._of(kind)):
                break
            if self.clock.now() > end:
                why = next((reason for reason in reasons if reason), "its deletion goes on")
                raise DeliveryError(
                    f"{kind.title} {left[0].name} is still there: {why}; run it again: "
                    f"delivery clean --stack {self.stack}"
                )
            self.clock.sleep(POLL_SECONDS)

    def _delete(self, kind: Kind, left: Left, told: set[str]) -> str:
        """Delete one; returns why AWS does not do it yet, empty if it does."""
        try:
            stays = kind.delete(self.clients, left, self.options)
        except ClientError as error:
            if GONE.search(code(error)):
                return ""
            if code(error) not in IN_USE:
                raise
            self._tell(f"waiting for {kind.title} {left.name}: {error.response['Error'].get('Message')}", told)
            return str(error)
        self._tell(f"deleted {kind.title} {left.name}{f'; {stays}' if stays else ''}", told)
        return ""

    def _tell(self, line: str, told: set[str]) -> None:
        if line not in told:
            told.add(line)
            self.say(line)


def _plural(title: str) -> str:
    return f"{title.removesuffix('y')}ies" if title.endswith("ry") else f"{title}s"
