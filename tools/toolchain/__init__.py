"""Installs the pinned Pulumi CLI, Python language host and plugins at `.toolchain`: `python3 -m tools.toolchain`."""

from tools.toolchain.errors import ToolchainError
from tools.toolchain.places import environment

__all__ = ["ToolchainError", "environment"]
