"""The cause of a step that failed, kept with its build: the one line in which its command says why.

`record(step, line)` is called once, by `__main__`, when a command ends with an error. In CodeBuild it writes the line
to `failure.txt` beside the source; the buildspecs export it as the variable CAUSE (`contract.pipeline.CAUSE`) in their
phase `post_build`, which runs after a failed `build`, too (CodeBuild User Guide, "Build phase transitions"). CodeBuild
keeps a build with its exported variables for a year (User Guide, "Builds in AWS CodeBuild"); its log is kept for
`slipway:pipeline.log_retention_days` only. No right is needed for it. `of_build` reads it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from contract.pipeline import CAUSE
from delivery import checkout
from delivery.release import file_modes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

FILE = "failure.txt"
LIMIT = 500
"""Characters of a cause that are kept: what an e-mail or a table has room for."""
NONE = "none"
"""What the variable holds after a build that did not fail, since an exported variable must not be empty."""
NAMED = 3
"""How many failed tests are named."""
SHOWN = re.compile(r"; (its output is above|reports: [^;]+)")
"""What only makes sense beside the log."""


def record(step: str, line: str) -> None:
    """Keep the error line of a step; by hand, outside CodeBuild, there is nothing to keep it for.

    Args:
        step: the command, such as `acceptance`.
        line: why it failed, without the command's name.
    """
    if not file_modes.in_build():
        return
    try:
        (checkout.ROOT / FILE).write_text(f"{step}: {cause(line)}\n", "utf-8")
    except OSError as full:
        print(f"the cause is not kept in {FILE}: {full.strerror}")


def cause(line: str) -> str:
    """Return an error line without the hints at the log above it, in at most LIMIT characters."""
    text = " ".join(SHOWN.sub("", line).split())
    return text if len(text) <= LIMIT else f"{text[: LIMIT - 1]}…"


def of_build(build: Mapping[str, Any]) -> str:
    """Return the cause that a build exported, of CodeBuild's BatchGetBuilds; empty where it exported none."""
    held = {row.get("name"): row.get("value", "") for row in build.get("exportedEnvironmentVariables", [])}
    told = str(held.get(CAUSE, ""))
    return "" if told == NONE else told.partition(": ")[2]


def tests(folder: Path) -> str:
    """Return the failed tests in the JUnit reports of a folder, for an error line: `; failed: a.b, c`.

    Args:
        folder: of the reports; a file that is no JUnit report is left out.

    Returns:
        The names of the first three and how many more; empty where no report has a failed test.
    """
    names = list(dict.fromkeys(name for path in sorted(folder.glob("*.xml")) for name in _failed(path)))
    if not names:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"; failed: {', '.join(names[:NAMED])}{more}"


def _failed(path: Path) -> Iterator[str]:
    """Yield the names of a report's failed tests."""
    try:
        cases = list(ET.parse(path).iter("testcase"))  # noqa: S314 - the suite's own file, run by this very build
    except (ET.ParseError, OSError):
        return
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            yield " ".join(str(case.get("name", "?")).split())
