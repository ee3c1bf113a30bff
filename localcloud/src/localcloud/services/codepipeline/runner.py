"""Runs actions: resolves their configuration, then delegates to the runner of their provider."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from localcloud.gateway.protocol import ApiError
from localcloud.services.codepipeline import rights
from localcloud.services.codepipeline.variables import UnresolvedError, resolve

if TYPE_CHECKING:
    from localcloud.services.codepipeline.action_records import Ledger
    from localcloud.state.table import Doc

LOG = logging.getLogger(__name__)


class ActionRunner(Protocol):
    """Runs the actions of one provider. Any exception fails the action."""

    def begin(self, execution: Doc, action: Doc) -> None:
        """Start an action whose configuration is resolved."""

    def look(self, execution: Doc, action: Doc) -> None:
        """Poll an action; called repeatedly, after a restart too; must not block."""

    def forget(self, action: Doc) -> None:
        """Stop following an action."""


class Runner:
    """Runs the actions of all providers."""

    def __init__(self, ledger: Ledger, providers: dict[str, ActionRunner]) -> None:
        """Initialize with the action records and the runners by provider."""
        self._ledger, self._providers = ledger, providers

    def begin(self, execution: Doc, action: Doc) -> None:
        """Start an action; if it cannot start, it fails."""
        problem: Exception | None = None
        try:
            check_inputs(action)
            action["resolved"] = resolve(action["declared"]["configuration"], execution)
        except (UnresolvedError, ApiError) as error:
            problem = error
        self._ledger.state.save_action(action)
        self._ledger.events.action(execution, action, "STARTED")
        if problem is not None:
            self._ledger.fail(execution, action, "ConfigurationError", str(problem))
            return
        try:
            rights.require(self._ledger.state, execution, action)
            self._of(action).begin(execution, action)
        except Exception as error:  # noqa: BLE001  any exception fails the action and becomes its error
            self._broken(execution, action, error)

    def look(self, execution: Doc, action: Doc) -> None:
        """Poll an action."""
        try:
            self._of(action).look(execution, action)
        except Exception as error:  # noqa: BLE001  any exception fails the action and becomes its error
            self._broken(execution, action, error)

    def forget(self, action: Doc) -> None:
        """Stop following an action."""
        self._of(action).forget(action)

    def _of(self, action: Doc) -> ActionRunner:
        return self._providers[action["type"]["provider"]]

    def _broken(self, execution: Doc, action: Doc, error: Exception) -> None:
        if isinstance(error, ApiError):
            self._ledger.fail(execution, action, error.code, error.message)
            return
        LOG.exception("the action %s of %s broke", action["action"], action["pipeline"])
        text = f"the local cloud failed in the action {action['action']}: {type(error).__name__}: {error}"
        self._ledger.fail(execution, action, "SystemUnavailable", text)


def check_inputs(action: Doc) -> None:
    """Refuse to start without an input artifact.

    Raises:
        ApiError: an input artifact was not created in this execution.
    """
    missing = {row["name"] for row in action["declared"]["inputArtifacts"]} - {row["name"] for row in action["inputs"]}
    if missing:
        text = f"The input artifact {', '.join(sorted(missing))} was not made in this execution"
        raise ApiError("ConfigurationError", text)
