"""Parsing of JUnit and Cobertura files into AWS's reports."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET
from xml.parsers import expat

from localcloud.services.codebuild.buildspec import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

    from localcloud.services.codebuild.state import State
    from localcloud.state.table import Doc

KINDS = FORMATS
SECOND = 1_000_000_000
KEPT_SECONDS = 30 * 24 * 3600
MESSAGE_AT_MOST = 5000
BYTES_AT_MOST = 16 * 2**20
"""Maximum size in bytes of a report file; parsed, it takes ten times as much memory."""
DEPTH_AT_MOST = 100
NUMBER_AT_MOST = 10.0**15
"""A larger number, infinity or NaN (a comparison with it is false) counts as 0."""
CASES_AT_MOST = 500
"""Maximum number of test cases stored per report; AWS also stores 500 and marks the report as truncated."""
OUTCOMES = {"failure": "FAILED", "error": "ERROR", "skipped": "SKIPPED"}


class ReportError(Exception):
    """A file does not have the expected format."""


@dataclass
class Content:
    """The content of report files."""

    cases: list[Doc] = field(default_factory=list)
    coverages: list[Doc] = field(default_factory=list)


def read(kind: str, rows: list[tuple[Path, str]]) -> Content:
    """Parse report files. Blocking.

    Args:
        kind: JUNITXML or COBERTURAXML.
        rows: files with the names to display.

    Raises:
        ReportError: a file is not XML of that kind.
    """
    content = Content()
    for path, name in rows:
        try:
            root = parsed(path, name)
        except ET.ParseError as error:
            raise ReportError(f"{name} is not XML: {error}") from error
        if kind == "JUNITXML":
            junit(root, name, content)
        else:
            cobertura(root, name, content)
    return content


def parsed(path: Path, name: str) -> ET.Element:
    """Return the root of an XML file; entities are refused because a few bytes of them may expand to gigabytes.

    Raises:
        ReportError: it is too large, nested too deeply, or declares entities.
        ET.ParseError: it is not XML.
    """
    if path.stat().st_size > BYTES_AT_MOST:
        raise ReportError(f"{name} has {path.stat().st_size} bytes; the local cloud reads {BYTES_AT_MOST} at most")
    content, depth = path.read_bytes(), 0

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
    except expat.ExpatError as error:
        raise ET.ParseError(str(error)) from error
    return ET.fromstring(content)  # noqa: S314  checked


def junit(root: ET.Element, name: str, content: Content) -> None:
    """Add the test cases of a JUnit file."""
    if root.tag not in ("testsuites", "testsuite"):
        raise ReportError(f"{name} is no JUnit file: its root is <{root.tag}>")
    suites = [root] if root.tag == "testsuite" else list(root.iter("testsuite"))
    for suite in suites:
        for case in suite.findall("testcase"):
            ended = next((child for child in case if child.tag in OUTCOMES), None)
            row = {
                "prefix": case.get("classname", "")[:MESSAGE_AT_MOST],
                "name": case.get("name", "")[:MESSAGE_AT_MOST],
                "status": "SUCCEEDED" if ended is None else OUTCOMES[ended.tag],
                "durationInNanoSeconds": round(number(case.get("time")) * SECOND),
                "testRawDataPath": name,
                "testSuiteName": suite.get("name", ""),
            }
            if ended is not None:
                row["message"] = (ended.get("message") or ended.text or "")[:MESSAGE_AT_MOST]
            content.cases.append(row)


def number(text: str | None) -> float:
    """Return a number from a file, 0 if it is not a number."""
    try:
        found = float((text or "0").replace(",", ""))
    except ValueError:
        return 0.0
    return found if abs(found) < NUMBER_AT_MOST else 0.0


def cobertura(root: ET.Element, name: str, content: Content) -> None:
    """Add the files of a Cobertura file."""
    if root.tag != "coverage":
        raise ReportError(f"{name} is no Cobertura file: its root is <{root.tag}>")
    lines: dict[str, dict[str, int]] = {}
    branches: dict[str, list[int]] = {}
    for each in root.iter("class"):
        file = each.get("filename", "")
        own, both = lines.setdefault(file, {}), branches.setdefault(file, [0, 0])
        for line in each.findall("lines/line"):
            own[line.get("number", "")] = max(own.get(line.get("number", ""), 0), int(number(line.get("hits"))))
            covered, total = conditions(line)
            both[0] += covered
            both[1] += total
    for file, hits in lines.items():
        content.coverages.append(coverage(file, list(hits.values()), branches[file]))


def conditions(line: ET.Element) -> tuple[int, int]:
    """Return the covered and total branches of a line, from condition-coverage="50% (1/2)"."""
    text = line.get("condition-coverage", "").partition("(")[2].partition(")")[0]
    covered, _, total = text.partition("/")
    return int(number(covered)), int(number(total))


def coverage(file: str, hits: list[int], branches: list[int]) -> Doc:
    """Return one file's coverage."""
    covered = sum(1 for hit in hits if hit)
    return {
        "filePath": file or "?",
        "linesCovered": covered,
        "linesMissed": len(hits) - covered,
        "lineCoveragePercentage": percentage(covered, len(hits)),
        "branchesCovered": branches[0],
        "branchesMissed": branches[1] - branches[0],
        "branchCoveragePercentage": percentage(branches[0], branches[1]),
    }


def percentage(part: int, whole: int) -> float:
    """Return a percentage; of zero it is 100, as in AWS's reports."""
    return round(100 * part / whole, 2) if whole else 0.0


def store(state: State, build: Doc, group: Doc, content: Content | None) -> None:
    """Store a report and add its ARN to the build; idempotent."""
    identifier = uuid.uuid5(uuid.NAMESPACE_URL, f"{build['arn']} {group['arn']}")
    arn = state.arn(f"report/{group['name']}:{identifier}")
    now = state.now()
    doc: Doc = {
        "arn": arn, "type": group["type"], "name": f"{group['name']}:{identifier}", "reportGroupArn": group["arn"],
        "executionId": build["arn"], "created": now, "expired": now + KEPT_SECONDS,
        "exportConfig": group["exportConfig"], "truncated": False,
    }  # fmt: skip
    doc |= {"status": "FAILED"} if content is None else summarised(group["type"], content)
    state.reports.put(arn, doc)
    if arn not in build["reportArns"]:
        build["reportArns"].append(arn)


def summarised(kind: str, content: Content) -> Doc:
    """Return the status, summary and details of a report."""
    if kind == "TEST":
        counts = {"SUCCEEDED": 0, "FAILED": 0, "ERROR": 0, "SKIPPED": 0, "UNKNOWN": 0}
        for row in content.cases:
            counts[row["status"]] += 1
        summary = {
            "total": len(content.cases),
            "statusCounts": counts,
            "durationInNanoSeconds": sum(row["durationInNanoSeconds"] for row in content.cases),
        }
        status = "FAILED" if counts["FAILED"] or counts["ERROR"] else "SUCCEEDED"
        ordered = sorted(content.cases, key=lambda row: row["status"] == "SUCCEEDED")
        return {
            "status": status, "testSummary": summary, "_cases": ordered[:CASES_AT_MOST],
            "truncated": len(ordered) > CASES_AT_MOST,
        }  # fmt: skip
    totals: dict[str, Any] = {
        name: sum(row[name] for row in content.coverages)
        for name in ("linesCovered", "linesMissed", "branchesCovered", "branchesMissed")
    }
    for name in ("line", "branch"):
        part = totals["linesCovered" if name == "line" else "branchesCovered"]
        whole = part + totals["linesMissed" if name == "line" else "branchesMissed"]
        totals[f"{name}CoveragePercentage"] = percentage(part, whole)
    return {"status": "SUCCEEDED", "codeCoverageSummary": totals, "_coverages": content.coverages}
