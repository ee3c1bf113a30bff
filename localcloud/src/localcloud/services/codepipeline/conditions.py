"""Conditions on entry: their rules are run before a stage's first action.

A run is a document within the stage's record in the execution, the newest one last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError, arn
from localcloud.services.codepipeline import condition_rules, rights
from localcloud.services.codepipeline.state import identifier

if TYPE_CHECKING:
    from localcloud.services.codepipeline.state import State
    from localcloud.state.table import Doc

RUNS = "entryRuns"
"""The member of a stage's record with the runs of its condition on entry."""
PASSED = ("Succeeded", "Overridden")


def declared(stage: Doc) -> list[Doc]:
    """Return the rules of a stage's condition on entry; AWS allows one condition."""
    return [rule for row in (stage.get("beforeEntry") or {}).get("conditions") or [] for rule in row["rules"]]


def latest(record: Doc) -> Doc | None:
    """Return the newest run of the condition in a stage's record."""
    runs: list[Doc] = record.get(RUNS) or []
    return runs[-1] if runs else None


def is_open(stage: Doc, record: Doc) -> bool:
    """Tell whether a stage has a condition on entry that has not let the execution in yet."""
    run = latest(record)
    return bool(declared(stage)) and (run is None or run["status"] not in PASSED)


def proceed(state: State, execution: Doc, stage: Doc, record: Doc) -> tuple[Doc, bool]:
    """Run the rules as far as they can be run now.

    Returns:
        The run, and whether anything in it has changed.
    """
    run, changed = latest(record), False
    if run is None or run["status"] != "InProgress":
        run, changed = begun(state, stage), True
        record.setdefault(RUNS, []).append(run)
    for rule, row in zip(declared(stage), run["rules"], strict=True):
        if row["status"] == "InProgress":
            changed = look(state, execution, rule, row) or changed
    statuses = [row["status"] for row in run["rules"]]
    if "InProgress" not in statuses or "Failed" in statuses:
        run["status"] = "Failed" if "Failed" in statuses else "Succeeded"
        run["summary"] = "; ".join(row["summary"] for row in run["rules"] if row["status"] == "Failed")
        close(state, run, run["status"], "Abandoned")
        changed = True
    return run, changed


def begun(state: State, stage: Doc) -> Doc:
    """Return a run that begins."""
    now = state.now()
    rules = [
        {
            "id": identifier(), "name": rule["name"], "status": "InProgress", "summary": "", "started": now,
            "changed": now, "until": now + condition_rules.wait_seconds(rule), "rule": rule,
        }
        for rule in declared(stage)
    ]  # fmt: skip
    return {"status": "InProgress", "summary": "", "changed": now, "rules": rules}


def close(state: State, run: Doc, status: str, rest: str) -> None:
    """Give a run its final status, and the rules that are still in progress theirs."""
    run.update(status=status, changed=state.now())
    for row in run["rules"]:
        if row["status"] == "InProgress":
            row.update(status=rest, changed=state.now())


def look(state: State, execution: Doc, rule: Doc, row: Doc) -> bool:
    """Evaluate a rule once; return whether that decided it."""
    name, bad = rule["configuration"]["AlarmName"], condition_rules.states(rule)
    try:
        rights.require_of(state, execution, rule.get("roleArn"), [needed(state, name)])
    except ApiError as error:
        return decide(state, row, "Failed", error.message, error.code)
    found = state.ctx.cloudwatch.state(name)
    if found is None:
        return decide(state, row, "Failed", f"The alarm {name} does not exist", "ConfigurationError")
    if found not in bad:
        return decide(state, row, "Succeeded", f"The alarm {name} is in the state {found}")
    if state.now() >= row["until"]:
        return decide(state, row, "Failed", f"The alarm {name} is in the state {found}")
    return False


def needed(state: State, alarm: str) -> tuple[str, str]:
    """Return the permission to read an alarm."""
    return "cloudwatch:DescribeAlarms", arn(state.ctx, "cloudwatch", f"alarm:{alarm}")


def decide(state: State, row: Doc, status: str, summary: str, code: str = "") -> bool:
    """Give a rule its result."""
    row.update(status=status, summary=summary[:2048], changed=state.now())
    if code:
        row["error"] = {"code": code, "message": summary[:5000]}
    return True


def shown(run: Doc) -> Doc:
    """Return a run as GetPipelineState shows it."""
    own = filled({"status": run["status"], "summary": run["summary"]})
    rules = [
        {
            "ruleName": row["name"],
            "latestExecution": filled({
                "ruleExecutionId": row["id"], "status": row["status"], "summary": row["summary"],
                "lastStatusChange": row["changed"], "errorDetails": row.get("error"),
            }),
        }
        for row in run["rules"]
    ]  # fmt: skip
    condition = {"latestExecution": own | {"lastStatusChange": run["changed"]}, "ruleStates": rules}
    return {"latestExecution": own, "conditionStates": [condition]}


def details(execution: Doc, region: str) -> list[Doc]:
    """Return the rule executions of an execution as ListRuleExecutions shows them, the newest first."""
    rows = [
        {
            "pipelineExecutionId": execution["id"],
            "ruleExecutionId": row["id"],
            "pipelineVersion": execution["version"],
            "stageName": name,
            "ruleName": row["name"],
            "startTime": row["started"],
            "lastUpdateTime": row["changed"],
            "status": row["status"],
            "input": filled({
                "ruleTypeId": row["rule"]["ruleTypeId"],
                "configuration": row["rule"]["configuration"],
                "resolvedConfiguration": row["rule"]["configuration"],
                "roleArn": row["rule"].get("roleArn"),
                "region": region,
            }),
            "output": {"executionResult": filled({
                "externalExecutionSummary": row["summary"], "errorDetails": row.get("error"),
            })},
        }
        for name, record in execution["stages"].items()
        for run in record.get(RUNS) or []
        for row in run["rules"]
    ]  # fmt: skip
    return sorted(rows, key=lambda row: -float(row["startTime"]))


def filled(row: dict[str, Any]) -> Doc:
    """Return a row without the members that have no value."""
    return {key: value for key, value in row.items() if value}
