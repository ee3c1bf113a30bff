"""Outputs of other stacks, read before any resource is declared."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.runtime.sync_await import _sync_await


class OtherStack:
    """A stack whose outputs this one reads: names that do not change."""

    def __init__(self, qualified_name: str) -> None:
        """Refer to a stack by `organization/project/stack`."""
        self.name = qualified_name.rsplit("/", 1)[-1]
        self._reference = pulumi.StackReference(qualified_name)

    def require(self, output: str, *, config_key: str) -> Any:  # noqa: ANN401 - an output is any JSON value
        """Return an output's value.

        Args:
            output: its name.
            config_key: file and key of the stack's name, for messages.

        Raises:
            pulumi.RunError: the stack cannot be read, or has no such output, since it was never deployed.
        """
        try:
            # Awaited here instead of an Output, so that the program fails before it declares a resource.
            details = _sync_await(self._reference.get_output_details(output))
        except Exception as error:  # the engine's errors have neither a type nor a code
            reason = " ".join(str(error).split())
            raise pulumi.RunError(f"{config_key}: stack {self.name} cannot be read: {reason}") from error
        if not details.value:
            raise pulumi.RunError(f"{config_key}: stack {self.name} has no {output}; run: pulumi up -s {self.name}")
        return details.value


class OtherStacks:
    """The other stacks; a StackReference can be declared only once per stack."""

    def __init__(self) -> None:
        self._stacks: dict[str, OtherStack] = {}

    def get(self, qualified_name: str) -> OtherStack:
        """Return a stack by `organization/project/stack`."""
        if qualified_name not in self._stacks:
            self._stacks[qualified_name] = OtherStack(qualified_name)
        return self._stacks[qualified_name]
