"""How a phase fails."""

from __future__ import annotations


class PhaseError(Exception):
    """The phase under way cannot go on; the message becomes its context's."""

    def __init__(self, code: str, message: str, state: str = "FAILED") -> None:
        """Keep the context's status code, e.g. CLIENT_ERROR, and the phase's state."""
        super().__init__(message)
        self.code, self.state = code, state
