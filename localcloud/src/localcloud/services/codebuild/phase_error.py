"""The error that fails a phase."""

from __future__ import annotations


class PhaseError(Exception):
    """The current phase has failed; the message becomes its context's."""

    def __init__(self, code: str, message: str, state: str = "FAILED") -> None:
        """Initialize with the context's status code, e.g. CLIENT_ERROR, and the phase's status."""
        super().__init__(message)
        self.code, self.state = code, state
