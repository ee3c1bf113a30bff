"""Report groups, and reports of builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from support.building import Workshop, context, workshop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud

JUNIT = """<testsuites><testsuite name="suite"><testcase classname="c" name="good" time="0.5"/>
<testcase classname="c" name="bad" time="1"><failure message="wrong">trace</failure></testcase>
<testcase classname="c" name="left"><skipped/></testcase></testsuite></testsuites>"""
COBERTURA = """<coverage><packages><package><classes><class filename="a.py"><lines>
<line number="1" hits="1" branch="true" condition-coverage="50% (1/2)"/><line number="2" hits="0"/></lines></class>
</classes></package></packages></coverage>"""
SPEC = """
version: 0.2
phases: {build: {commands: ['false']}}
reports:
  unit: {files: ['*.xml'], base-directory: results}
  coverage: {files: [coverage.xml], file-format: COBERTURAXML}
"""


@pytest.fixture
def shop(cloud: Cloud) -> Iterator[Workshop]:
    """CodeBuild."""
    yield from workshop(cloud)


def group(shop: Workshop, name: str, kind: str = "TEST") -> str:
    """Create a report group; returns its ARN."""
    made = shop.api.create_report_group(name=name, type=kind, exportConfig={"exportConfigType": "NO_EXPORT"})
    return str(made["reportGroup"]["arn"])


def test_reports_of_a_failed_build_are_kept(shop: Workshop) -> None:
    """Groups with the project's name are used; counts, cases and coverage match the files."""
    unit, coverage = group(shop, "contract-report-unit"), group(shop, "contract-report-coverage", "CODE_COVERAGE")
    files = {"buildspec.yml": SPEC, "results/junit.xml": JUNIT, "coverage.xml": COBERTURA}
    shop.project("contract-report", source={"type": "S3", "location": shop.put("in/reports.zip", files)})
    build = shop.run("contract-report")
    assert build["buildStatus"] == "FAILED"
    found = shop.api.batch_get_reports(reportArns=build["reportArns"])["reports"]
    tests, covered = sorted(found, key=lambda row: row["type"], reverse=True)
    assert (tests["reportGroupArn"], covered["reportGroupArn"]) == (unit, coverage)
    assert tests["status"] == "FAILED"
    assert tests["testSummary"]["total"] == 3
    assert tests["testSummary"]["statusCounts"] == {
        "SUCCEEDED": 1, "FAILED": 1, "SKIPPED": 1, "ERROR": 0, "UNKNOWN": 0,
    }  # fmt: skip
    assert tests["executionId"] == build["arn"]
    cases = shop.api.describe_test_cases(reportArn=tests["arn"], filter={"status": "FAILED"})["testCases"]
    assert [(row["name"], row["message"], row["durationInNanoSeconds"]) for row in cases] == [("bad", "wrong", 10**9)]
    assert covered["codeCoverageSummary"]["lineCoveragePercentage"] == 50.0
    rows = shop.api.describe_code_coverages(reportArn=covered["arn"])["codeCoverages"]
    assert [(row["filePath"], row["linesMissed"], row["branchesCovered"]) for row in rows] == [("a.py", 1, 1)]
    assert shop.api.list_reports_for_report_group(reportGroupArn=unit)["reports"] == [tests["arn"]]
    with pytest.raises(ClientError, match="still contains reports"):
        shop.api.delete_report_group(arn=unit)
    for arn in (unit, coverage):
        shop.api.delete_report_group(arn=arn, deleteReports=True)
    assert shop.api.batch_get_report_groups(reportGroupArns=[unit])["reportGroupsNotFound"] == [unit]
    assert shop.api.batch_get_reports(reportArns=[tests["arn"]])["reportsNotFound"] == [tests["arn"]]


def test_a_report_is_read_from_outside_of_the_sources(shop: Workshop) -> None:
    """From the container's /tmp; the format's name may be in lower case."""
    arn = group(shop, "contract-outside-unit")
    command = (
        "mkdir -p /tmp/results/deep && echo \"<testsuite><testcase name='a'/></testsuite>\" >/tmp/results/deep/r.xml"
    )
    spec = f"version: 0.2\nphases:\n  build:\n    commands:\n      - {command}\n"
    spec += "reports: {unit: {files: ['**/*.xml'], base-directory: /tmp/results, file-format: JUnitXml}}\n"
    build = shop.spec("contract-outside", spec)
    assert build["buildStatus"] == "SUCCEEDED", shop.text(build)
    (case,) = shop.api.describe_test_cases(reportArn=build["reportArns"][0])["testCases"]
    assert (case["name"], case["testRawDataPath"]) == ("a", "deep/r.xml")
    shop.api.delete_report_group(arn=arn, deleteReports=True)


def test_a_report_that_cannot_be_made_fails_the_build(shop: Workshop) -> None:
    """Without its group, with another type, without files; an invalid file makes a failed report."""
    spec = "version: 0.2\nphases: {build: {commands: ['echo broken > x.xml']}}\nreports: {unit: {files: [FILE]}}\n"
    build = shop.spec("contract-noreport", spec)
    assert "report group contract-noreport-unit does not exist" in context(build, "UPLOAD_ARTIFACTS")[1]
    arn = group(shop, "contract-noreport-unit")
    build = shop.run("contract-noreport")
    assert context(build, "UPLOAD_ARTIFACTS") == (
        "CLIENT_ERROR",
        "Error in UPLOAD_ARTIFACTS phase: [unit: [report files not found in build]]",
    )
    build = shop.spec("contract-noreport", spec.replace("FILE", "x.xml"))
    assert shop.api.batch_get_reports(reportArns=build["reportArns"])["reports"][0]["status"] == "FAILED"
    shop.api.delete_report_group(arn=arn, deleteReports=True)


def test_report_groups_are_kept_as_given(shop: Workshop) -> None:
    """Names are unique, types are AWS's, only NO_EXPORT is supported."""
    arn = group(shop, "contract-group")
    with pytest.raises(shop.api.exceptions.ResourceAlreadyExistsException):
        group(shop, "contract-group")
    with pytest.raises(ClientError, match="NICE"):
        group(shop, "contract-group-2", "NICE")
    tags = [{"key": "a", "value": "b"}]
    assert shop.api.update_report_group(arn=arn, tags=tags)["reportGroup"]["tags"] == tags
    export = {"exportConfigType": "S3", "s3Destination": {"bucket": "x"}}
    with pytest.raises(ClientError, match="exportConfig S3"):
        shop.api.update_report_group(arn=arn, exportConfig=export)
    assert arn in shop.api.list_report_groups()["reportGroups"]
    shop.api.delete_report_group(arn=arn)
