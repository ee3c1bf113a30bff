"""What a check of `delivery doctor` finds: a level and a text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

OK, WARN, FAIL, UNKNOWN = "ok", "warn", "fail", "not checked"
COLOURS = {OK: "green", WARN: "yellow", FAIL: "red", UNKNOWN: "grey"}
Finding: TypeAlias = tuple[str, str]
Findings: TypeAlias = Iterator[Finding]
