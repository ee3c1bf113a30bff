"""A data point of a metric, as an alarm is evaluated by it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Datapoint:
    """One period of a metric: when it begins, in seconds since 1970, and its value, None if it is missing."""

    at: float
    value: float | None = None
