"""What goes wrong in a way that the user can mend."""


class ToolchainError(Exception):
    """One line: the thing, the rule, the remedy."""


class UnavailableError(ToolchainError):
    """This way to a toolchain is not open here; the next one may be."""
