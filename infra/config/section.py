"""The base class of the configuration's sections."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the configuration: immutable, and unknown keys are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")
