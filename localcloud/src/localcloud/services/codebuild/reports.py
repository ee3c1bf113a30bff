"""The API operations on report groups and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError, Params
from localcloud.services.codebuild import validation
from localcloud.services.codebuild.state import State, directed, page, shown

if TYPE_CHECKING:
    from localcloud.state.table import Doc


class Reports:
    """Implements the operations on report groups and reports."""

    def __init__(self, state: State) -> None:
        """Initialize with the service's state."""
        self._state = state

    def create_report_group(self, params: Params) -> Params:
        """Create a report group."""
        name = params["name"]
        arn = self._state.arn(f"report-group/{name}")
        if not validation.REPORT_GROUP.match(name):
            raise validation.invalid(f"Invalid report group name: {name}")
        if self._state.groups.get(arn) is not None:
            raise ApiError("ResourceAlreadyExistsException", f"Report group already exists: {arn}")
        now = self._state.now()
        doc = {
            "arn": arn, "name": name, "type": params["type"], "exportConfig": exported(params["exportConfig"]),
            "created": now, "lastModified": now, "tags": params.get("tags", []), "status": "ACTIVE",
        }  # fmt: skip
        return {"reportGroup": self._state.groups.put(arn, doc)}

    def update_report_group(self, params: Params) -> Params:
        """Update the export configuration and tags."""
        doc = self._state.group(params["arn"])
        if "exportConfig" in params:
            doc["exportConfig"] = exported(params["exportConfig"])
        doc["tags"] = params.get("tags", doc["tags"])
        doc["lastModified"] = self._state.now()
        return {"reportGroup": self._state.groups.put(doc["arn"], doc)}

    def delete_report_group(self, params: Params) -> Params:
        """Delete a group, with its reports only if deleteReports is set; succeeds if it does not exist."""
        arn = params["arn"]
        reports = [row["arn"] for row in self._of(arn)]
        if reports and not params.get("deleteReports"):
            raise validation.invalid(f"Cannot delete report group: it still contains reports: {arn}; set deleteReports")
        for report in reports:
            self._state.reports.delete(report)
        self._state.groups.delete(arn)
        return {}

    def batch_get_report_groups(self, params: Params) -> Params:
        """Return groups by ARN."""
        found = {arn: self._state.groups.get(arn) for arn in params["reportGroupArns"]}
        return {
            "reportGroups": [doc for doc in found.values() if doc is not None],
            "reportGroupsNotFound": [arn for arn, doc in found.items() if doc is None],
        }

    def list_report_groups(self, params: Params) -> Params:
        """List the ARNs of the groups."""
        keys = {"NAME": "name", "CREATED_TIME": "created", "LAST_MODIFIED_TIME": "lastModified"}
        key = keys[params.get("sortBy", "NAME")]
        rows = sorted(self._state.groups.values(), key=lambda doc: doc[key])
        arns, token = page(directed([doc["arn"] for doc in rows], params), params)
        return {"reportGroups": arns, "nextToken": token}

    def batch_get_reports(self, params: Params) -> Params:
        """Return reports by ARN."""
        found = {arn: self._state.reports.get(arn) for arn in params["reportArns"]}
        return {
            "reports": [shown(doc) for doc in found.values() if doc is not None],
            "reportsNotFound": [arn for arn, doc in found.items() if doc is None],
        }

    def delete_report(self, params: Params) -> Params:
        """Delete a report; succeeds if it does not exist."""
        self._state.reports.delete(params["arn"])
        return {}

    def list_reports(self, params: Params) -> Params:
        """List the ARNs of all reports, newest first."""
        return listed(self._state.reports.values(), params)

    def list_reports_for_report_group(self, params: Params) -> Params:
        """List the ARNs of a group's reports, newest first."""
        self._state.group(params.get("reportGroupArn", ""))
        return listed(self._of(params["reportGroupArn"]), params)

    def describe_test_cases(self, params: Params) -> Params:
        """Return a report's test cases."""
        report = self._report(params["reportArn"])
        wanted = params.get("filter") or {}
        rows = [
            row | {"reportArn": report["arn"], "expired": report["expired"]}
            for row in report.get("_cases", [])
            if wanted.get("status", row["status"]) == row["status"]
            and wanted.get("keyword", "").lower() in f"{row['prefix']} {row['name']}".lower()
        ]
        return paged("testCases", rows, params)

    def describe_code_coverages(self, params: Params) -> Params:
        """Return the coverage of a report's files."""
        report = self._report(params["reportArn"])
        key = "lineCoveragePercentage" if params.get("sortBy") == "LINE_COVERAGE_PERCENTAGE" else "filePath"
        least, most = params.get("minLineCoveragePercentage", 0), params.get("maxLineCoveragePercentage", 100)
        rows = [
            row | {"id": f"{report['arn']}/{row['filePath']}", "reportARN": report["arn"], "expired": report["expired"]}
            for row in sorted(report.get("_coverages", []), key=lambda row: row[key])
            if least <= row["lineCoveragePercentage"] <= most
        ]
        return paged("codeCoverages", rows[::-1] if params.get("sortOrder") == "DESCENDING" else rows, params)

    def _report(self, arn: str) -> Doc:
        found = self._state.reports.get(arn)
        if found is None:
            raise ApiError("ResourceNotFoundException", f"Report does not exist: {arn}")
        return found

    def _of(self, group: str) -> list[Doc]:
        return [row for row in self._state.reports.values() if row["reportGroupArn"] == group]


def exported(config: Doc) -> Doc:
    """Return an export configuration; S3 is refused because reports are not exported here."""
    if config.get("exportConfigType", "NO_EXPORT") != "NO_EXPORT":
        raise validation.unsupported(f"exportConfig {config['exportConfigType']}")
    return {"exportConfigType": "NO_EXPORT"}


def listed(rows: list[Doc], params: Params) -> Params:
    """Return one page of report ARNs."""
    status = (params.get("filter") or {}).get("status")
    arns = [row["arn"] for row in sorted(rows, key=lambda row: row["created"]) if status in (None, row["status"])]
    found, token = page(directed(arns, params, "DESCENDING"), params)
    return {"reports": found, "nextToken": token}


def paged(member: str, rows: list[Doc], params: Params) -> Params:
    """Return one page of rows."""
    numbers, token = page([str(index) for index in range(len(rows))], params)
    return {member: [rows[int(index)] for index in numbers], "nextToken": token}
