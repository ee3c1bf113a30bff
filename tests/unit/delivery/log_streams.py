"""A fake CloudWatch Logs: events by group and stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.unit.delivery.aws import PAGE, FakeError, pages


@dataclass(kw_only=True)
class Logs:
    """Events by group, each a stream's name and a row; times are milliseconds since 1970."""

    groups: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)

    def write(self, group: str, stream: str, when: int, *messages: str) -> None:
        """Add events to a stream."""
        held = self.groups.setdefault(group, [])
        for message in messages:
            held.append((stream, {"timestamp": when, "message": message, "eventId": f"{group}-{len(held)}"}))

    def _rows(self, params: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        if params["logGroupName"] not in self.groups:
            raise FakeError("ResourceNotFoundException")
        return self.groups[params["logGroupName"]]

    def filter_log_events(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return a group's events from a time on."""
        rows = [
            row | {"logStreamName": stream}
            for stream, row in self._rows(params)
            if row["timestamp"] >= params["startTime"]
        ]
        return pages("events", rows, params)

    def get_log_events(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return a stream's events: a page from the head, or all up to its end."""
        rows = [row for stream, row in self._rows(params) if stream == params["logStreamName"]]
        rows = [{key: row[key] for key in ("timestamp", "message")} for row in rows]
        if not params.get("startFromHead"):
            return {"events": rows}
        start = int(params.get("nextToken", "0"))
        return {"events": rows[start : start + PAGE], "nextForwardToken": str(min(start + PAGE, len(rows)))}
