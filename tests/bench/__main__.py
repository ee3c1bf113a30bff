"""`python -m tests.bench`: runs the benchmarks, prints a table, and writes it to docs/benchmarks.md."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.bench.measures import Bench, Row, set_up
from tests.local import documents
from tests.local.workspace import ROOT, copy_of_the_project

DOCUMENT = ROOT / "docs/benchmarks.md"
ALL = ("release", "no-change", "services", "set-up")


def main() -> int:
    """Run the benchmarks and report them; returns 1 if one failed: what was measured before is printed, not written."""
    parser = argparse.ArgumentParser(
        prog="make bench ARGS=", description="What things take, on a local cloud of its own."
    )
    parser.add_argument("--runs", type=int, default=3, help="how often to measure each (default: %(default)s)")
    parser.add_argument("--only", choices=ALL, nargs="+", default=ALL, help="what to measure (default: everything)")
    parser.add_argument("--cold", action="store_true", help="the set-up with empty caches too: about 8 minutes more")
    parser.add_argument("--write", action="store_true", help=f"put the table into {DOCUMENT.relative_to(ROOT)}")
    options = parser.parse_args()
    console = Console(highlight=False, stderr=True)
    rows: list[Row] = []
    if "set-up" in options.only:
        rows += set_up(options.runs, console.print, cold=options.cold)
    failed = set(options.only) - {"set-up"} and not cloud(options, console, rows)
    text = table(rows)
    print(text, end="")
    if options.write and not failed:
        documents.write(DOCUMENT, text)
    return int(bool(failed))


def cloud(options: argparse.Namespace, console: Console, rows: list[Row]) -> bool:
    """Run the benchmarks that need a local cloud, and add their rows; returns whether all went well."""
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        bench = Bench(copy_of_the_project(Path(folder)), options.runs, console.print)
        try:
            rows += bench.up()
            for name, measure in (
                ("release", bench.release),
                ("no-change", bench.no_change),
                ("services", bench.services),
            ):
                rows += measure() if name in options.only else []
            rows += bench.down()
        except AssertionError as error:
            console.print(f"bench: {error}", style="red", markup=False)
            return False
        finally:
            bench.workspace.cloud("reset")
    return True


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table, below a description of the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    today = datetime.datetime.now(tz=datetime.UTC).date()
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    lines = [
        f"{today}: {os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, {system}, "
        f"Python {platform.python_version()}",
        "",
        "| | median | least | most | runs |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        median, least, most = (
            shown(value, row.unit) for value in (statistics.median(row.values), min(row.values), max(row.values))
        )
        what = f"{row.what} ({row.note})" if row.note else row.what
        lines.append(f"| {what} | {median} | {least} | {most} | {len(row.values)} |")
    return "\n".join(lines) + "\n"


def shown(value: float, unit: str) -> str:
    """Return a value with its unit."""
    return f"{value:.1f} {unit}" if unit else f"{value:.0f}"


if __name__ == "__main__":
    sys.exit(main())
