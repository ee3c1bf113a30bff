"""The section of the pipelines: stages from left to right, what waits for an answer, the last executions."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from localcloud.page import parts
from localcloud.page.markup import Html, link, tag
from localcloud.page.pipelines import RETRYABLE

if TYPE_CHECKING:
    from localcloud.page.markup import Content
    from localcloud.page.parts import Forms
    from localcloud.page.pipelines import Action, Execution, Pipeline, Stage

NONE = "No pipeline yet. CreatePipeline makes one; its first execution starts at once, later ones with each push."


def section(pipelines: list[Pipeline], forms: Forms) -> list[Html]:
    """Return all pipelines."""
    return [pipeline(each, forms) for each in pipelines] or [tag("p", NONE, class_="empty")]


def pipeline(found: Pipeline, forms: Forms) -> Html:
    """Return a pipeline."""
    rows = [
        [
            parts.code(row.id[:8]),
            [parts.state(row.status), " rollback" if row.kind == "ROLLBACK" else None],
            commit(row),
            row.trigger,
            parts.moment(row.started),
        ]
        for row in found.executions
    ]
    heads = ("Execution", "Status", "Commit", "Trigger", "Started")
    return tag(
        "article",
        tag("h3", found.name),
        tag("ol", [stage(found.name, each, forms) for each in found.stages], class_="stages"),
        parts.table(f"Last executions of {found.name}", heads, rows),
    )


def commit(execution: Execution) -> Content:
    """Return an execution's commit with its message."""
    return [parts.code(execution.commit[:7]), " ", execution.message] if execution.commit else "none yet"


def stage(pipeline: str, found: Stage, forms: Forms) -> Html:
    """Return a stage with its forms."""
    key, where = f"{pipeline}.{found.name}", {"pipelineName": pipeline, "stageName": found.name}
    content: list[Content] = [tag("h4", found.name), parts.state(found.status)]
    if found.execution is not None:
        content.append(tag("p", parts.code(found.execution.id[:8]), " · ", commit(found.execution), class_="commit"))
    if found.held is not None:
        enable = parts.button("Enable transition", f"enable-{key}")
        content.append(tag("p", parts.state("held"), f" transition disabled: {found.held}"))
        content.append(forms("transition", f"transition-{key}", where, enable))
    if found.waiting:
        content.append(tag("p", "Waits to enter: ", parts.code(found.waiting[:8])))
    content += [
        tag("p", f"Condition on entry, {name}: ", parts.state(status), " ", reason, class_="text")
        for name, status, reason in found.condition
    ]
    content.append(tag("ul", [action(key, where, each, forms) for each in found.actions]))
    if found.execution is not None and found.status in RETRYABLE:
        content.append(retry(key, where, found.execution, forms))
    if found.back_to is not None and found.status != "InProgress":
        content.append(back(key, where, found.back_to, forms))
    return tag("li", content)


def action(key: str, where: dict[str, str], found: Action, forms: Forms) -> Html:
    """Return an action with the end of its log, or the form of an approval."""
    status = "waiting for an answer" if found.token else found.status
    content: list[Content] = [tag("strong", found.name), " ", parts.state(status), " "]
    content.append(parts.moment(found.updated) if found.updated else None)
    if found.build:
        content.append([" ", link(f"{parts.FORM_ADDRESS}log?build={quote(found.build)}", f"log of {found.name}")])
    if found.text:
        content.append(tag("p", found.text, class_="text"))
    content += [tag("p", parts.code(name), ": ", value, class_="text") for name, value in found.exported.items()]
    if found.log:
        content.append(tag("pre", "\n".join(found.log), tabindex=0, aria_label=f"end of the log of {found.name}"))
    if found.token:
        content.append(approval(f"{key}.{found.name}", where, found, forms))
    return tag("li", content)


def approval(key: str, where: dict[str, str], found: Action, forms: Forms) -> Html:
    """Return the form that approves or rejects."""
    fields = {**where, "actionName": found.name, "token": found.token}
    told = [tag("p", found.note, class_="text") if found.note else None]
    review = tag("p", link(found.address, found.address)) if found.address else None
    return forms(
        "approval", f"approval-{key}", fields, told, review,
        tag("label", "Reason (optional)", for_=f"summary-{key}"),
        tag("input", type="text", name="summary", id=f"summary-{key}", maxlength=512, autocomplete="off"),
        parts.button("Approve", f"approve-{key}", name="status", value="Approved", kind="yes"),
        parts.button("Reject", f"reject-{key}", name="status", value="Rejected", kind="no"),
    )  # fmt: skip


def retry(key: str, where: dict[str, str], execution: Execution, forms: Forms) -> Html:
    """Return the form that retries a stage."""
    return forms(
        "retry", f"retry-{key}", {**where, "pipelineExecutionId": execution.id},
        parts.button("Retry failed actions", f"retry-failed-{key}", name="retryMode", value="FAILED_ACTIONS"),
        parts.button("Retry all actions", f"retry-all-{key}", name="retryMode", value="ALL_ACTIONS"),
    )  # fmt: skip


def back(key: str, where: dict[str, str], target: Execution, forms: Forms) -> Html:
    """Return the form that rolls a stage back, as the console of CodePipeline offers it."""
    text = tag("p", "Runs this stage again with the artifacts of ", parts.code(target.id[:8]), ", ", commit(target))
    form = forms(
        "stage-rollback", f"stage-rollback-{key}", {**where, "targetPipelineExecutionId": target.id},
        parts.button("Start rollback of the stage", f"roll-back-{key}"),
    )  # fmt: skip
    return tag("details", tag("summary", "Roll back"), text, form, id=f"back-{key}")
