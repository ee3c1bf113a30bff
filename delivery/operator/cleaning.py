"""`delivery clean`: what is removed depends on whether the stack is up, destroyed, or neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from delivery.environment import Environment, NeverUpError, read
from delivery.errors import DeliveryError
from delivery.operator.clean import Cleaner
from delivery.operator.leftovers import Options
from delivery.operator.removal import Removal
from delivery.operator.unfinished import Unfinished

if TYPE_CHECKING:
    from delivery.aws.clients import Clients
    from delivery.console import Say
    from delivery.operator.pulumi_state import Pulumi, State


@dataclass(frozen=True, kw_only=True, slots=True)
class Cleaning:
    """The cleaning of a stack."""

    clients: Clients
    stack: str
    say: Say
    pulumi: Pulumi
    options: Options

    def run(self, *, keep: int, dry_run: bool, adopt: bool, unknown: bool, destroyed: bool) -> None:
        """Remove what is of no use any more.

        Args:
            keep: how many release revisions are kept of a stack that is up.
            dry_run: name it only.
            adopt: remove nothing; Pulumi adopts what an interrupted `up` was creating.
            unknown: also what is in no state of Pulumi's, of a stack that is not destroyed.
            destroyed: take the stack for destroyed if Pulumi cannot be asked.

        Raises:
            DeliveryError: the stack is in another state than the options say, or something could not be removed.
        """
        found, removal = self._standing(), self._removal()
        state = self._state(found, destroyed=destroyed)
        if state and state.resources:
            listed = removal.found()
            state = self.pulumi.state(self.stack) or state  # once more, after AWS: see `unfinished`
            unfinished = Unfinished(
                clients=self.clients, stack=self.stack, say=self.say, pulumi=self.pulumi, environment=found
            )
            if dry_run:
                unfinished.show(listed, state)
                return
            unfinished.run(listed, state, self.options, unknown=unknown)
            if adopt or not found:
                return
        elif adopt:
            self.say(f"Pulumi's state has nothing of stack {self.stack}, so there is nothing to adopt into it")
            return
        elif found and (dry_run or unknown or self.options != Options()):
            raise DeliveryError(
                f"stack {self.stack} is up, and Pulumi does not have it here; log in where its state is: pulumi login "
                f"URL; or clean it with no option but --keep"
            )
        elif dry_run:
            removal.show()
            return
        elif not found:
            print(f"stack {self.stack} is not up; removing everything that it left")
            print(f"removed what was left of {self.stack}: {removal.run() or 'nothing'}")
        deleted = Cleaner(clients=self.clients, stack=self.stack, say=self.say).run(found, keep)
        print(f"deleted {deleted} inactive task definition revisions of {self.stack}")

    def _removal(self) -> Removal:
        return Removal(clients=self.clients, stack=self.stack, say=self.say, options=self.options)

    def _standing(self) -> Environment | None:
        try:
            return read(self.clients("ssm"), self.stack)
        except NeverUpError:
            return None

    def _state(self, found: Environment | None, *, destroyed: bool) -> State | None:
        """Return Pulumi's state, None if it has none of this stack, or cannot be asked of one that is up or destroyed.

        Raises:
            DeliveryError: Pulumi cannot be asked, so a stack that is being created would be taken for a destroyed one.
        """
        try:
            return self.pulumi.state(self.stack)
        except DeliveryError as error:
            if found:
                self.say(f"{error}; what Pulumi does not know is not looked for")
            elif not destroyed:
                raise DeliveryError(
                    f"{error}; so it is not known whether stack {self.stack} is destroyed, and nothing is removed; "
                    f"if it is: delivery clean --stack {self.stack} --destroyed"
                ) from error
            return None
