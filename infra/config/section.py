"""What every section of the configuration is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the configuration: fixed once read, and a misspelt key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")
