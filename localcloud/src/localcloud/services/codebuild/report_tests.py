"""Test reports: each function adds a file's test cases. Pure.

Where a format has a status that CodeBuild's API has not, it is the nearest: AWS documents no mapping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.services.codebuild.report_content import SECOND, Content, ReportError, number

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET

JUNIT = {"failure": "FAILED", "error": "ERROR", "skipped": "SKIPPED"}
NUNIT = {
    "Success": "SUCCEEDED", "Passed": "SUCCEEDED", "Warning": "SUCCEEDED", "Failure": "FAILED", "Failed": "FAILED",
    "Error": "ERROR", "NotRunnable": "ERROR", "Skipped": "SKIPPED", "Ignored": "SKIPPED", "Inconclusive": "SKIPPED",
}  # fmt: skip
TESTNG = {"PASS": "SUCCEEDED", "FAIL": "FAILED", "SKIP": "SKIPPED"}
TRX = {
    "Passed": "SUCCEEDED", "Failed": "FAILED", "Timeout": "FAILED", "Aborted": "FAILED", "Error": "ERROR",
    "NotExecuted": "SKIPPED", "NotRunnable": "SKIPPED", "Inconclusive": "SKIPPED", "Pending": "SKIPPED",
}  # fmt: skip
CUCUMBER = {
    "failed": "FAILED", "ambiguous": "FAILED", "undefined": "SKIPPED", "pending": "SKIPPED", "skipped": "SKIPPED",
    "passed": "SUCCEEDED",
}  # fmt: skip
"""From the worst to the best: a scenario has the worst status of its steps."""


def junit(root: ET.Element, name: str, content: Content) -> None:
    """Add the test cases of a JUnit file."""
    expect(root, name, "JUnit", "testsuites", "testsuite")
    for suite in root.iter("testsuite"):
        for case in suite.findall("testcase"):
            ended = next((child for child in case if child.tag in JUNIT), None)
            status = "SUCCEEDED" if ended is None else JUNIT[ended.tag]
            message = "" if ended is None else ended.get("message") or ended.text or ""
            names = case.get("classname", ""), case.get("name", "")
            content.case(name, suite.get("name", ""), names, (status, message), number(case.get("time")))


def nunit(root: ET.Element, name: str, content: Content) -> None:
    """Add the test cases of an NUnit 2 file; before version 2.5 a case has `executed` and `success` only."""
    expect(root, name, "NUnit", "test-results")
    for suite in root.iter("test-suite"):
        for case in suite.findall("results/test-case"):
            plain = "Success" if case.get("success") == "True" else "Failure"
            result = case.get("result") or (plain if case.get("executed") == "True" else "Skipped")
            ended = NUNIT.get(result, "UNKNOWN"), told(case, "failure/message", "reason/message")
            content.case(name, suite.get("name", ""), split(case.get("name", "")), ended, number(case.get("time")))


def nunit3(root: ET.Element, name: str, content: Content) -> None:
    """Add the test cases of an NUnit 3 file, whose label tells an error from a failure."""
    expect(root, name, "NUnit 3", "test-run")
    for suite in root.iter("test-suite"):
        for case in suite.findall("test-case"):
            status = NUNIT.get(case.get("result", ""), "UNKNOWN")
            status = "ERROR" if status == "FAILED" and case.get("label") in ("Error", "Invalid") else status
            names = case.get("classname", ""), case.get("name", "")
            message = told(case, "failure/message", "reason/message")
            content.case(name, suite.get("name", ""), names, (status, message), number(case.get("duration")))


def testng(root: ET.Element, name: str, content: Content) -> None:
    """Add the test methods of a TestNG file, but not those that configure others."""
    expect(root, name, "TestNG", "testng-results")
    for suite in root.iter("suite"):
        for group in suite.iter("class"):
            for case in group.findall("test-method"):
                if case.get("is-config") == "true":
                    continue
                ended = TESTNG.get(case.get("status", ""), "UNKNOWN"), told(case, "exception/message")
                names = group.get("name", ""), case.get("name", "")
                content.case(name, suite.get("name", ""), names, ended, number(case.get("duration-ms")) / 1000)


def trx(root: ET.Element, name: str, content: Content) -> None:
    """Add the results of a Visual Studio file; its tags have a namespace."""
    for each in root.iter():
        each.tag = each.tag.rpartition("}")[2]
    expect(root, name, "Visual Studio TRX", "TestRun")
    methods = {test.get("id"): test.find("TestMethod") for test in root.iter("UnitTest")}
    for case in root.iter("UnitTestResult"):
        method = methods.get(case.get("testId"))
        ended = TRX.get(case.get("outcome", ""), "UNKNOWN"), told(case, "Output/ErrorInfo/Message")
        hours, minutes, seconds = (["0", "0", *case.get("duration", "0").split(":")])[-3:]
        length = 3600 * number(hours) + 60 * number(minutes) + number(seconds)
        names = "" if method is None else method.get("className", ""), case.get("testName", "")
        content.case(name, root.get("name", ""), names, ended, length)


def cucumber(features: Any, name: str, content: Content) -> None:
    """Add the scenarios of a Cucumber file."""
    for feature in features:
        for scenario in feature.get("elements", []):
            if scenario.get("type") == "background":
                continue
            steps = [step for part in ("before", "steps", "after") for step in scenario.get(part, [])]
            results = [step.get("result", {}) for step in steps]
            words = {result.get("status") for result in results}
            worst = next((CUCUMBER[word] for word in CUCUMBER if word in words), "UNKNOWN")
            message = next((result["error_message"] for result in results if result.get("error_message")), "")
            length = sum(number(result.get("duration")) for result in results) / SECOND
            suite = str(feature.get("name", ""))
            content.case(name, suite, (suite, str(scenario.get("name", ""))), (worst, str(message)), length)


def expect(root: ET.Element, name: str, kind: str, *tags: str) -> None:
    """Require that a document's root is one of these.

    Raises:
        ReportError: it is not.
    """
    if root.tag not in tags:
        raise ReportError(f"{name} is no {kind} file: its root is <{root.tag}>")


def told(case: ET.Element, *places: str) -> str:
    """Return the first text that a case has in one of these places."""
    return next((text.strip() for place in places if (text := case.findtext(place))), "")


def split(name: str) -> tuple[str, str]:
    """Return the class and the name of a full name; the arguments in parentheses belong to the name."""
    head, parenthesis, rest = name.partition("(")
    before, _, last = head.rpartition(".")
    return before, f"{last}{parenthesis}{rest}"
