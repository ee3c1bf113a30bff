"""The command line: one function per command, registered in `registry`.

They are listed in the order in which they are imported here.
"""

from delivery.commands import steps, operating, inspecting, reviewing  # isort: skip

__all__ = ["inspecting", "operating", "reviewing", "steps"]
