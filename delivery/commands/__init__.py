"""The command line: every command, declared in `registry`, with what it calls.

They are listed in the order in which they are imported here.
"""

from delivery.commands import steps, operating, inspecting, reviewing  # isort: skip

__all__ = ["inspecting", "operating", "reviewing", "steps"]
