"""The executions that an update of the pipeline would make fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

if TYPE_CHECKING:
    from collections.abc import Callable

IN_PROGRESS = ("InProgress", "Stopping")


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionsInProgress:
    """The hook before an update of a pipeline, which AWS answers by failing its executions in progress.

    Their running actions complete, then stage and execution fail and cannot be retried (CodePipeline user guide, "Edit
    a pipeline"): a release that waits for approval would be lost, one in production would end as failed.

    Attributes:
        stack: whose pipeline it is.
        pipeline: its name.
        clients: returns the boto3 client of an AWS service.
    """

    stack: str
    pipeline: str
    clients: Callable[[str], Any]

    def hooks(self) -> pulumi.ResourceHookBinding:
        """Return the hook; it is called only if the pipeline itself changes, and in a preview too."""
        options = pulumi.ResourceHookOptions(on_dry_run=True)
        return pulumi.ResourceHookBinding(
            before_update=[pulumi.ResourceHook(f"{self.stack}-executions-in-progress", self.refuse, options)]
        )

    def refuse(self, _: pulumi.ResourceHookArgs) -> None:
        """Refuse the update while an execution is in progress; a preview, after which one may begin, only says so.

        Raises:
            pulumi.RunError: an execution is in progress.
        """
        if pulumi.runtime.is_dry_run():
            pulumi.log.warn(
                f"pipeline {self.pipeline} changes: an execution in progress would fail, so `pulumi up` does not "
                f"change it while there is one; bin/delivery status --stack {self.stack} shows it"
            )
            return
        pages = self.clients("codepipeline").get_paginator("list_pipeline_executions")
        rows = [
            row for page in pages.paginate(pipelineName=self.pipeline) for row in page["pipelineExecutionSummaries"]
        ]
        if running := [row for row in rows if row["status"] in IN_PROGRESS]:
            raise pulumi.RunError(self._refusal(running[0]))

    def _refusal(self, row: dict[str, Any]) -> str:
        """Return the message about an execution."""
        identifier = row["pipelineExecutionId"]
        commits = [revision["revisionId"][:7] for revision in row.get("sourceRevisions", ())]
        of = f" of commit {commits[0]}" if commits else ""
        return (
            f"pipeline {self.pipeline} is not changed: execution {identifier}{of} is in progress and would fail; let "
            f"it end (bin/delivery status --stack {self.stack} --follow; one that waits: bin/delivery approve or "
            f"reject --stack {self.stack}), or stop it: aws codepipeline stop-pipeline-execution --pipeline-name "
            f"{self.pipeline} --pipeline-execution-id {identifier} --abandon; then run `pulumi up` again"
        )
