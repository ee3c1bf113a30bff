"""What stacks left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.settings import Settings


def left_over(settings: Settings) -> list[str]:
    """Return one line for each thing that is left."""
    _ = settings
    return []
