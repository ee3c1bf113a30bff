"""What all formats of reports share: files read with limits, numbers, test cases, coverage."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET
from xml.parsers import expat

if TYPE_CHECKING:
    from pathlib import Path

    from localcloud.state.table import Doc

SECOND = 1_000_000_000
MESSAGE_AT_MOST = 5000
BYTES_AT_MOST = 16 * 2**20
"""Maximum size in bytes of a report file; parsed, it takes ten times as much memory."""
DEPTH_AT_MOST = 100
NUMBER_AT_MOST = 10.0**15
"""A larger number, infinity or NaN (a comparison with it is false) counts as 0."""


class ReportError(Exception):
    """A file does not have the expected format."""


@dataclass
class Content:
    """The content of report files."""

    cases: list[Doc] = field(default_factory=list)
    coverages: list[Doc] = field(default_factory=list)

    def case(self, file: str, suite: str, names: tuple[str, str], ended: tuple[str, str], seconds: float) -> None:
        """Add a test case.

        Args:
            file: the name of the report's file.
            suite: the name of the test suite.
            names: the prefix (such as a class) and the name of the case.
            ended: its status (SUCCEEDED, FAILED, ERROR, SKIPPED, UNKNOWN) and message.
            seconds: its duration.
        """
        row = {
            "prefix": names[0][:MESSAGE_AT_MOST],
            "name": names[1][:MESSAGE_AT_MOST],
            "status": ended[0],
            "durationInNanoSeconds": round(seconds * SECOND),
            "testRawDataPath": file,
            "testSuiteName": suite,
        }
        self.cases.append(row if ended[0] == "SUCCEEDED" else row | {"message": ended[1][:MESSAGE_AT_MOST]})

    def coverage(self, path: str, lines: tuple[int, int], branches: tuple[int, int]) -> None:
        """Add a source file's coverage: covered and all lines, covered and all branches."""
        row: Doc = {"filePath": path or "?"}
        for one, many, (covered, total) in (("line", "lines", lines), ("branch", "branches", branches)):
            row |= {
                f"{many}Covered": covered,
                f"{many}Missed": total - covered,
                f"{one}CoveragePercentage": percentage(covered, total),
            }
        self.coverages.append(row)


def percentage(part: int, whole: int) -> float:
    """Return a percentage; of nothing it is 0."""
    return round(100 * part / whole, 2) if whole else 0.0


def number(text: object) -> float:
    """Return a number from a file, 0 if it is not a number."""
    try:
        found = float(str(text or "0").replace(",", ""))
    except ValueError:
        return 0.0
    return found if abs(found) < NUMBER_AT_MOST else 0.0


def content_of(path: Path, name: str) -> bytes:
    """Return a file's bytes.

    Raises:
        ReportError: it is too large.
    """
    if path.stat().st_size > BYTES_AT_MOST:
        raise ReportError(f"{name} has {path.stat().st_size} bytes; the local cloud reads {BYTES_AT_MOST} at most")
    return path.read_bytes()


def from_json(path: Path, name: str) -> Any:
    """Return what a JSON file contains.

    Raises:
        ReportError: it is too large, nested too deeply, or is not JSON.
    """
    try:
        return json.loads(content_of(path, name))
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{name} is not JSON: {error}") from error


def from_xml(path: Path, name: str) -> ET.Element:
    """Return the root of an XML file; entities are refused because a few bytes of them may expand to gigabytes.

    Raises:
        ReportError: it is too large, nested too deeply, declares entities, or is not XML.
    """
    content, depth = content_of(path, name), 0

    def refuse(*_about: object) -> None:
        raise ReportError(f"{name} declares entities, which no report needs")

    def down(*_about: object) -> None:
        nonlocal depth
        depth += 1
        if depth > DEPTH_AT_MOST:
            raise ReportError(f"{name} is nested too deeply")

    def up(_name: str) -> None:
        nonlocal depth
        depth -= 1

    checker = expat.ParserCreate()
    checker.EntityDeclHandler, checker.StartElementHandler, checker.EndElementHandler = refuse, down, up
    try:
        checker.Parse(content, True)  # noqa: FBT003  expat's signature
        return ET.fromstring(content)  # noqa: S314  checked
    except (expat.ExpatError, ET.ParseError) as error:
        raise ReportError(f"{name} is not XML: {error}") from error
