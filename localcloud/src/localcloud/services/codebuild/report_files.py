"""From report files, in AWS's formats, to AWS's reports."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from localcloud.services.codebuild import report_content, report_coverage, report_tests
from localcloud.services.codebuild.buildspec import FORMATS
from localcloud.services.codebuild.report_content import Content, ReportError, percentage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from localcloud.services.codebuild.state import State
    from localcloud.state.table import Doc

KINDS = FORMATS
KEPT_SECONDS = 30 * 24 * 3600
CASES_AT_MOST = 500
"""Maximum number of test cases stored per report; AWS also stores 500 and marks the report as truncated."""
JSON: dict[str, Callable[[Any, str, Content], None]] = {
    "CUCUMBERJSON": report_tests.cucumber,
    "SIMPLECOV": report_coverage.simplecov,
}
XML: dict[str, Callable[[Any, str, Content], None]] = {
    "JUNITXML": report_tests.junit,
    "NUNITXML": report_tests.nunit,
    "NUNIT3XML": report_tests.nunit3,
    "TESTNGXML": report_tests.testng,
    "VISUALSTUDIOTRX": report_tests.trx,
    "COBERTURAXML": report_coverage.cobertura,
    "JACOCOXML": report_coverage.jacoco,
    "CLOVERXML": report_coverage.clover,
}


def read(kind: str, rows: list[tuple[Path, str]]) -> Content:
    """Parse report files. Blocking.

    Args:
        kind: a file format, as in FORMATS.
        rows: files with the names to display.

    Raises:
        ReportError: a file does not have that format.
    """
    content = Content()
    for path, name in rows:
        if kind in XML:
            XML[kind](report_content.from_xml(path, name), name, content)
            continue
        try:
            JSON[kind](report_content.from_json(path, name), name, content)
        except (AttributeError, KeyError, TypeError) as error:
            raise ReportError(
                f"{name} does not have the structure of {kind}: {type(error).__name__}: {error}"
            ) from error
    return content


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
