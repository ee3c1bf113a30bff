"""Other stacks of the project: their outputs, read before anything is created."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.runtime.sync_await import _sync_await


class OtherStack:
    """A stack whose outputs this one needs to know: names, never values that change."""

    def __init__(self, qualified_name: str) -> None:
        """Refer to a stack by `organization/project/stack`."""
        self.name = qualified_name.rsplit("/", 1)[-1]
        self._reference = pulumi.StackReference(qualified_name)

    def require(self, output: str, *, asked_by: str) -> Any:  # noqa: ANN401 - an output is any JSON value
        """Return an output's value.

        Args:
            output: its name.
            asked_by: the file and key that name the stack, for messages.

        Raises:
            pulumi.RunError: the stack cannot be read, or has no such output (never brought up).
        """
        try:
            # Read now rather than as an Output: a refusal must come before the first resource is asked for.
            details = _sync_await(self._reference.get_output_details(output))
        except Exception as error:
            reason = " ".join(str(error).split())
            raise pulumi.RunError(f"{asked_by}: stack {self.name} cannot be read: {reason}") from error
        if not details.value:
            raise pulumi.RunError(f"{asked_by}: stack {self.name} has no {output}; run: pulumi up -s {self.name}")
        return details.value


class OtherStacks:
    """The other stacks, each referred to once however many parts ask for it."""

    def __init__(self) -> None:
        self._known: dict[str, OtherStack] = {}

    def get(self, qualified_name: str) -> OtherStack:
        """Return a stack by `organization/project/stack`."""
        if qualified_name not in self._known:
            self._known[qualified_name] = OtherStack(qualified_name)
        return self._known[qualified_name]
