"""The type of text that a stack file may have as a number or a boolean."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import BeforeValidator


def _as_text(value: object) -> object:
    """Return numbers and booleans as the text that the stack file has."""
    return json.dumps(value) if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(_as_text)]
