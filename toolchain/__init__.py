"""Puts a pinned Pulumi CLI, Python language host and plugins at `.toolchain`: `python3 -m toolchain`."""

from toolchain.errors import ToolchainError
from toolchain.places import environment

__all__ = ["ToolchainError", "environment"]
