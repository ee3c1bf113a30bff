"""The command line: one function per command, registered in `registry`.

They are listed in the order in which they are imported here.
"""

from delivery.commands import application, steps, operating, inspecting, reviewing  # isort: skip

__all__ = ["application", "inspecting", "operating", "reviewing", "steps"]
