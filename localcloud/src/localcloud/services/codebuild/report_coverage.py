"""Code coverage reports: each function adds the coverage of a file's source files. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.services.codebuild.report_content import Content, number
from localcloud.services.codebuild.report_tests import expect

if TYPE_CHECKING:
    from collections.abc import Iterable
    from xml.etree import ElementTree as ET


def cobertura(root: ET.Element, name: str, content: Content) -> None:
    """Add the files of a Cobertura file."""
    expect(root, name, "Cobertura", "coverage")
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
        content.coverage(file, covered_of(hits.values()), (branches[file][0], branches[file][1]))


def conditions(line: ET.Element) -> tuple[int, int]:
    """Return the covered and total branches of a line, from condition-coverage="50% (1/2)"."""
    text = line.get("condition-coverage", "").partition("(")[2].partition(")")[0]
    covered, _, total = text.partition("/")
    return int(number(covered)), int(number(total))


def jacoco(root: ET.Element, name: str, content: Content) -> None:
    """Add the source files of a JaCoCo file, each of which has its counters."""
    expect(root, name, "JaCoCo", "report")
    for package in root.iter("package"):
        for file in package.findall("sourcefile"):
            found = {counter.get("type"): counter for counter in file.findall("counter")}
            lines, branches = (counted(found.get(kind)) for kind in ("LINE", "BRANCH"))
            content.coverage(f"{package.get('name', '')}/{file.get('name', '')}".lstrip("/"), lines, branches)


def counted(counter: ET.Element | None) -> tuple[int, int]:
    """Return what a counter of JaCoCo has as covered, and all of it."""
    if counter is None:
        return 0, 0
    covered, missed = int(number(counter.get("covered"))), int(number(counter.get("missed")))
    return covered, covered + missed


def clover(root: ET.Element, name: str, content: Content) -> None:
    """Add the files of a Clover file: lines with statements; branches by the file's metrics.

    The counts of a line with a condition have another meaning with each program that writes them.
    """
    expect(root, name, "Clover", "coverage")
    for file in root.iter("file"):
        hits: dict[str, float] = {}
        for line in file.findall("line"):
            if line.get("type") in ("stmt", "cond"):
                count = sum(number(line.get(key)) for key in ("count", "truecount", "falsecount"))
                hits[line.get("num", "")] = hits.get(line.get("num", ""), 0) + (count if count else 0)
        metrics = file.find("metrics")
        found = {} if metrics is None else metrics.attrib
        branches = int(number(found.get("coveredconditionals"))), int(number(found.get("conditionals")))
        content.coverage(file.get("path") or file.get("name") or "", covered_of(hits.values()), branches)


def simplecov(data: Any, _name: str, content: Content) -> None:
    """Add the files of SimpleCov: of `.resultset.json`, whose runs are added up, or of `coverage.json`."""
    lines: dict[str, list[float | None]] = {}
    branches: dict[str, list[float]] = {}
    for run in [data] if "coverage" in data else data.values():
        for file, found in run["coverage"].items():
            own = found if isinstance(found, list) else found["lines"]
            hits = [number(hit) if isinstance(hit, int) else None for hit in own]
            lines[file] = added(lines.get(file, []), hits)
            ways = [] if isinstance(found, list) else taken(found.get("branches") or [])
            branches[file] = [hit or 0 for hit in added([*branches.get(file, [])], [*ways])]
    for file, hits in lines.items():
        content.coverage(file, covered_of(hit for hit in hits if hit is not None), covered_of(branches[file]))


def taken(branches: Any) -> list[float]:
    """Return how often each branch was taken: of `.resultset.json` by condition, of `coverage.json` in a list."""
    if isinstance(branches, list):
        return [number(row["coverage"]) for row in branches]
    return [number(hits) for ways in branches.values() for hits in ways.values()]


def added(first: list[float | None], second: list[float | None]) -> list[float | None]:
    """Return the hits of two runs, added line by line; None is a line without code."""
    if len(first) != len(second):
        return second or first
    return [hit if other is None else other + (hit or 0) for hit, other in zip(first, second, strict=True)]


def covered_of(hits: Iterable[float]) -> tuple[int, int]:
    """Return how many were hit, and how many there are."""
    found = list(hits)
    return sum(1 for hit in found if hit), len(found)
