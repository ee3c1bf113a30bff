"""A graph of a CloudWatch dashboard, and its place in the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

MINUTE = 60
WIDTH, HEIGHT = 8, 6  # of a widget, in the dashboard's grid of 24 columns

Graph = tuple[str, str, list[list[Any]]]
"""A title, a statistic, and the metrics."""


def grid(rows: Sequence[Sequence[Graph]], region: str, *, period: int = MINUTE) -> list[dict[str, Any]]:
    """Return the widgets of rows of graphs (CloudWatch API reference, "Dashboard body structure and syntax").

    Args:
        rows: of at most three graphs.
        region: of the metrics.
        period: of each data point in seconds.
    """
    return [
        {
            "type": "metric",
            "x": column * WIDTH,
            "y": row * HEIGHT,
            "width": WIDTH,
            "height": HEIGHT,
            "properties": {
                "title": title,
                "stat": statistic,
                "metrics": metrics,
                "period": period,
                "region": region,
                "view": "timeSeries",
            },
        }
        for row, shown in enumerate(rows)
        for column, (title, statistic, metrics) in enumerate(shown)
    ]
