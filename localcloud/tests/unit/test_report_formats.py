"""Report files in each of AWS's formats, and files outside of a build's folder."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING

import docker
import pytest

from localcloud.services.codebuild import buildspec, container_files, report_files
from localcloud.services.codebuild.archives import ArchiveError
from localcloud.services.codebuild.buildspec import Files
from localcloud.services.codebuild.report_content import ReportError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localcloud.services.codebuild.report_content import Content

TESTS = {
    "JUNITXML": """<testsuites><testsuite name="s"><testcase classname="c.D" name="good" time="0.5"/>
      <testcase classname="c.D" name="bad" time="1.5"><failure message="wrong">trace</failure></testcase>
      <testcase classname="c.D" name="left" time="0"><skipped message="later"/></testcase></testsuite></testsuites>""",
    "NUNITXML": """<test-results total="3"><test-suite name="s"><results>
      <test-case name="c.D.good" executed="True" success="True" time="0.5"/>
      <test-case name="c.D.bad" executed="True" result="Failure" success="False" time="1.5">
        <failure><message><![CDATA[wrong]]></message></failure></test-case>
      <test-case name="c.D.left" executed="False" result="Ignored"><reason>
      <message>later</message></reason></test-case></results></test-suite></test-results>""",
    "NUNIT3XML": """<test-run><test-suite type="TestSuite" name="outer"><test-suite type="TestFixture" name="s">
      <test-case classname="c.D" name="good" result="Passed" duration="0.5"/>
      <test-case classname="c.D" name="bad" result="Failed" duration="1.5"><failure><message>wrong</message></failure>
      </test-case><test-case classname="c.D" name="left" result="Skipped" label="Ignored"><reason>
      <message>later</message></reason></test-case></test-suite></test-suite></test-run>""",
    "TESTNGXML": """<testng-results><suite name="s"><test name="t"><class name="c.D">
      <test-method name="setUp" is-config="true" status="PASS" duration-ms="99"/>
      <test-method name="good" status="PASS" duration-ms="500"/>
      <test-method name="bad" status="FAIL" duration-ms="1500"><exception class="E"><message>wrong</message></exception>
      </test-method><test-method name="left" status="SKIP" duration-ms="0"><exception class="E"><message>later</message>
      </exception></test-method></class></test></suite></testng-results>""",
    "VISUALSTUDIOTRX": """<TestRun name="s" xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"><Results>
      <UnitTestResult testId="1" testName="good" outcome="Passed" duration="00:00:00.5000000"/>
      <UnitTestResult testId="2" testName="bad" outcome="Failed" duration="00:00:01.5000000"><Output><ErrorInfo>
        <Message>wrong</Message></ErrorInfo></Output></UnitTestResult>
      <UnitTestResult testId="3" testName="left" outcome="NotExecuted"><Output><ErrorInfo><Message>later</Message>
      </ErrorInfo></Output></UnitTestResult></Results><TestDefinitions>
      <UnitTest id="1"><TestMethod className="c.D"/></UnitTest><UnitTest id="2"><TestMethod className="c.D"/></UnitTest>
      <UnitTest id="3"><TestMethod className="c.D"/></UnitTest></TestDefinitions></TestRun>""",
    "CUCUMBERJSON": json.dumps([{"name": "c.D", "elements": [
        {"type": "background", "name": "before", "steps": [{"result": {"status": "passed", "duration": 9}}]},
        {"type": "scenario", "name": "good", "steps": [
            {"result": {"status": "passed", "duration": 200_000_000}},
            {"result": {"status": "passed", "duration": 300_000_000}}]},
        {"type": "scenario", "name": "bad", "steps": [
            {"result": {"status": "failed", "duration": 1_500_000_000, "error_message": "wrong"}},
            {"result": {"status": "skipped"}}]},
        {"type": "scenario", "name": "left", "steps": [{"result": {"status": "undefined", "error_message": "later"}}]},
    ]}]),
}  # fmt: skip
LINES = {
    "COBERTURAXML": """<coverage><packages><package><classes><class filename="a/b.x"><lines>
      <line number="1" hits="2" condition-coverage="50% (1/2)"/><line number="2" hits="1"/><line number="3" hits="0"/>
      </lines></class></classes></package></packages></coverage>""",
    "JACOCOXML": """<?xml version="1.0"?><!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd">
      <report name="r"><group name="g"><package name="a"><class name="a/B"/><sourcefile name="b.x">
      <counter type="LINE" missed="1" covered="2"/><counter type="BRANCH" missed="1" covered="1"/></sourcefile>
      <counter type="LINE" missed="9" covered="9"/></package></group></report>""",
    "CLOVERXML": """<coverage><project><package name="p"><file name="b.x" path="a/b.x">
      <metrics conditionals="2" coveredconditionals="1"/><line num="1" type="method" count="0"/>
      <line num="1" type="cond" truecount="1" falsecount="0"/><line num="2" type="stmt" count="1"/>
      <line num="3" type="stmt" count="0"/></file></package></project></coverage>""",
    "SIMPLECOV": json.dumps({
        "RSpec": {"coverage": {"a/b.x": {"lines": [1, None, 0, 0, "ignored"],
                                         "branches": {"[:if, 0, 1]": {"[:then, 1]": 0, "[:else, 2]": 0}}}}},
        "Minitest": {"coverage": {"a/b.x": {"lines": [0, None, 4, 0, "ignored"],
                                            "branches": {"[:if, 0, 1]": {"[:then, 1]": 3, "[:else, 2]": 0}}}}},
    }),
}  # fmt: skip


def read(tmp_path: Path, kind: str, text: str) -> Content:
    """Read a report's text."""
    (tmp_path / "report").write_text(text)
    return report_files.read(kind, [(tmp_path / "report", "report")])


def test_all_of_awss_formats_are_read() -> None:
    """By the user guide, Build specification reference."""
    assert set(TESTS) | set(LINES) == set(buildspec.FORMATS) == set(report_files.XML) | set(report_files.JSON)


@pytest.mark.parametrize("kind", TESTS)
def test_a_test_report_has_its_cases(tmp_path: Path, kind: str) -> None:
    """One of each status, with durations in nanoseconds and messages."""
    content = read(tmp_path, kind, TESTS[kind])
    rows = [(row["prefix"], row["name"], row["status"], row.get("message")) for row in content.cases]
    assert rows == [
        ("c.D", "good", "SUCCEEDED", None), ("c.D", "bad", "FAILED", "wrong"), ("c.D", "left", "SKIPPED", "later"),
    ]  # fmt: skip
    assert [row["durationInNanoSeconds"] for row in content.cases] == [500_000_000, 1_500_000_000, 0]
    summary = report_files.summarised("TEST", content)
    assert (summary["status"], summary["testSummary"]["total"]) == ("FAILED", 3)
    assert summary["testSummary"]["statusCounts"] == {
        "SUCCEEDED": 1,
        "FAILED": 1,
        "SKIPPED": 1,
        "ERROR": 0,
        "UNKNOWN": 0,
    }


@pytest.mark.parametrize("kind", LINES)
def test_a_coverage_report_has_its_files(tmp_path: Path, kind: str) -> None:
    """Two of three lines and one of two branches."""
    content = read(tmp_path, kind, LINES[kind])
    assert content.coverages == [
        {
            "filePath": "a/b.x", "linesCovered": 2, "linesMissed": 1, "lineCoveragePercentage": 66.67,
            "branchesCovered": 1, "branchesMissed": 1, "branchCoveragePercentage": 50.0,
        }
    ]  # fmt: skip


def test_simplecov_is_read_as_its_formatter_and_as_old_versions_write_it(tmp_path: Path) -> None:
    """`coverage.json` has no runs; before version 0.18 a file was its list of lines."""
    plain = {"meta": {}, "coverage": {"a": {"lines": [1, 0], "branches": [{"coverage": 2}, {"coverage": 0}]}}}
    (row,) = read(tmp_path, "SIMPLECOV", json.dumps(plain)).coverages
    assert (row["linesCovered"], row["branchesCovered"], row["branchesMissed"]) == (1, 1, 1)
    (row,) = read(tmp_path, "SIMPLECOV", json.dumps({"RSpec": {"coverage": {"a": [1, None, 0]}}})).coverages
    assert (row["linesCovered"], row["linesMissed"]) == (1, 1)


@pytest.mark.parametrize(
    ("kind", "text", "status"),
    [
        ("NUNIT3XML", '<test-case name="a" result="Failed" label="Error"/>', "ERROR"),
        ("NUNIT3XML", '<test-case name="a" result="Inconclusive"/>', "SKIPPED"),
        ("NUNIT3XML", '<test-case name="a" result="Else"/>', "UNKNOWN"),
    ],
)
def test_a_status_that_aws_has_not_is_the_nearest(tmp_path: Path, kind: str, text: str, status: str) -> None:
    """An unknown one is UNKNOWN."""
    content = read(tmp_path, kind, f"<test-run><test-suite>{text}</test-suite></test-run>")
    assert [row["status"] for row in content.cases] == [status]


@pytest.mark.parametrize("kind", buildspec.FORMATS)
@pytest.mark.parametrize(
    "text", ["<html/>", "{", "{}x", "[1]", '{"a": 1}', '[{"elements": [{"steps": 1}]}]', "[" * 10**5]
)
def test_a_file_of_another_format_is_no_report(tmp_path: Path, kind: str, text: str) -> None:
    """And no traceback."""
    with pytest.raises(ReportError, match="report "):
        read(tmp_path, kind, text)


@pytest.mark.parametrize("word", ["junitxml", "JUnitXml", "CoberturaXml", "SimpleCov"])
def test_a_formats_name_is_not_case_sensitive(word: str) -> None:
    """As the user guide says."""
    spec = f"version: 0.2\nphases: {{build: {{commands: [a]}}}}\nreports: {{r: {{files: [x], file-format: {word}}}}}\n"
    assert buildspec.parse(spec).reports["r"].format == word.upper()


class Container:
    """A container with files, some of them links."""

    def __init__(self, **files: bytes) -> None:
        """Initialize with the contents of files in /opt/results."""
        self.files = files

    def get_archive(self, _container: str, path: str) -> tuple[Iterator[bytes], dict[str, str]]:
        """Return a path as Docker does: in a tar file whose names begin with the path's last part."""
        if not "/opt/results".startswith(path) and path != "/opt/results/a.xml":
            raise docker.errors.NotFound(path)
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as tar:
            link = tarfile.TarInfo("results/link.xml")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(link)
            for name, content in self.files.items():
                row = tarfile.TarInfo("a.xml" if path.endswith(".xml") else f"results/{name}.xml")
                row.size = len(content)
                tar.addfile(row, io.BytesIO(content))
        data = made.getvalue()
        return (data[start : start + 100] for start in range(0, len(data), 100)), {}


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Files(files=("**/*.xml",), base="/opt/results"), ["a.xml"]),
        (Files(files=("a.xml",), base="/opt/results"), ["a.xml"]),
        (Files(files=("/opt/results/*.xml",)), ["opt/results/a.xml"]),
        (Files(files=("/opt/results/a.xml", "own.xml")), ["own.xml", "opt/results/a.xml"]),
        (Files(files=("/opt/none/*.xml",)), []),
        (Files(files=("own.xml",)), ["own.xml"]),
    ],
)
def test_a_report_outside_of_the_builds_folder_is_read_from_the_container(
    tmp_path: Path, wanted: Files, names: list[str]
) -> None:
    """Files only: a link could lead to this machine's."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "own.xml").write_text("x")
    found = container_files.matching(Container(a=b"x" * 300), "c", tmp_path / "src", wanted)
    assert [name for _, name in found] == names
    assert all(path.is_file() and path.is_relative_to(tmp_path) for path, _ in found)


def test_a_report_of_a_whole_disk_or_with_a_name_that_leads_out_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing outside of the build's folder is written."""
    (tmp_path / "build" / "src").mkdir(parents=True)
    everything = Files(files=("*.xml",), base="/opt/results")
    names = {"../../../../../../victim": b"x"}
    with pytest.raises(ArchiveError, match="outside of its folder"):
        container_files.matching(Container(**names), "c", tmp_path / "build" / "src", everything)
    monkeypatch.setattr(container_files, "BYTES_AT_MOST", 10)
    with pytest.raises(ArchiveError, match="more than 10 bytes"):
        container_files.matching(Container(a=b"x" * 11), "c", tmp_path / "build" / "src", everything)
    with pytest.raises(ArchiveError, match="no wildcard"):
        container_files.matching(Container(), "c", tmp_path / "build" / "src", Files(files=("*",), base="/op*"))
    assert [path.name for path in tmp_path.iterdir()] == ["build"]
