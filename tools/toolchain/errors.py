"""Errors that the user can fix."""


class ToolchainError(Exception):
    """An error that the user can fix; the message is one line: what, which rule, remedy."""


class UnavailableError(ToolchainError):
    """A source of the toolchain is not available here; the next one is tried."""
