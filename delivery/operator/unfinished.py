"""What an interrupted `up` left of a stack that is not destroyed: Pulumi adopts it, or it is removed.

AWS is asked before Pulumi's state is read: what an `up` creates meanwhile is then in the state, or noted as pending.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from delivery.errors import DeliveryError
from delivery.operator.adoption import Adoption
from delivery.operator.removal import Removal
from delivery.session import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from delivery.aws.clients import Clients
    from delivery.console import Say
    from delivery.environment import Environment
    from delivery.operator.leftovers import Options
    from delivery.operator.pulumi_state import Pulumi, State
    from delivery.operator.removal import Found
    from delivery.session import Clock


@dataclass(frozen=True, kw_only=True, slots=True)
class Unfinished:
    """The end of an interrupted `up`.

    `environment` is the stack as it recorded itself, None if it has never been up.
    """

    clients: Clients
    stack: str
    say: Say
    pulumi: Pulumi
    environment: Environment | None
    clock: Clock = SYSTEM

    def show(self, listed: Found, state: State) -> None:
        """Name what would be adopted and what would be left, and change nothing."""
        ids = self._ids(listed, state)
        for urn, identifier in ids.items():
            self.say(f"would be adopted: {_told(urn)} {identifier}")
        self._say_left(unknown_of(listed, {*state.known, *_names(ids)}))

    def run(self, listed: Found, state: State, options: Options, *, unknown: bool) -> None:
        """Let Pulumi adopt what it was creating; with `unknown` remove the rest that its state does not have.

        Args:
            listed: what carries the stack's tags, found before the state was read.
            state: Pulumi's state of the stack.
            options: what a removal is allowed.
            unknown: whether to remove; otherwise what is left is named with the command that does.

        Raises:
            DeliveryError: the stack is locked, the state is not that of the stack that is up, or AWS refuses a
                deletion.
        """
        ids = self._ids(listed, state)
        left = unknown_of(listed, {*state.known, *_names(ids)})
        if unknown and left:
            self._refuse_other(state)
        if state.pending:
            self._refuse_changed(state)
            state = state.adopting(ids)
            self.pulumi.write(self.stack, state)
        urns = state.unread
        if urns or (unknown and left):  # a refresh of the stack itself reads nothing, but fails if it is locked
            self.pulumi.read(self.stack, urns or [state.root])
        for urn, identifier in ids.items():
            self.say(f"adopted: {_told(urn)} {identifier}")
        if ids:
            self.say(f"Pulumi's state has now what the interrupted `up` created; run: pulumi up -s {self.stack}")
        if unknown and left:
            names = frozenset(one.name for _, one in left)
            removal = Removal(
                clients=self.clients, stack=self.stack, say=self.say, options=options, clock=self.clock, only=names
            )
            self.say(f"removed what no state has: {removal.run()}")
        else:
            self._say_left(left)

    def _ids(self, listed: Found, state: State) -> dict[str, str]:
        adoption = Adoption(clients=self.clients, listed=listed, known=state.known, say=self.say)
        return adoption.ids(state.creations)

    def _say_left(self, left: Found) -> None:
        for kind, one in left:
            self.say(f"left: {kind.title} {one.name}")
        if left:
            self.say(
                f"{len(left)} resources carry the tags of {self.stack}, and Pulumi's state has none of them; "
                f"remove them: delivery clean --stack {self.stack} --unknown"
            )

    def _refuse_changed(self, state: State) -> None:
        """Refuse where a command of Pulumi's has written the state meanwhile: importing would undo that."""
        if self.pulumi.state(self.stack) != state:
            raise DeliveryError(
                f"stack {self.stack} is locked or was until a moment ago: its state has changed meanwhile, so nothing "
                f"is; run it again when no `up` is under way: delivery clean --stack {self.stack}"
            )

    def _refuse_other(self, state: State) -> None:
        """Refuse where the stack that is up is in another state: everything that it uses would be unknown here."""
        recorded = self.environment.services if self.environment else ()
        if other := [one for one in recorded if one.target_group not in state.known]:
            raise DeliveryError(
                f"stack {self.stack} is up, but Pulumi's state does not have the target group of its service "
                f"{other[0].name}: it is in another backend, so nothing is removed; log in there: pulumi login URL"
            )


def _names(ids: dict[str, str]) -> Sequence[str]:
    """Return the names that AWS lists adopted resources by."""
    return [*ids.values(), *(one.rpartition("/")[2] for one in ids.values())]


def unknown_of(listed: Found, known: set[str]) -> Found:
    """Return what carries the tags and is in no state."""
    return [(kind, left) for kind, left in listed if left.name not in known and not left.going]


def _told(urn: str) -> str:
    """Return the end of a URN: the resource's type and name."""
    kind, _, name = urn.rpartition("::")
    return f"{kind.rpartition('$')[2].rpartition('::')[2]} {name}"
