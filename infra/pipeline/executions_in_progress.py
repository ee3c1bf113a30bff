"""The executions that an update of the pipeline would make fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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

    def refuse(self, update: pulumi.ResourceHookArgs) -> None:
        """Refuse the update while an execution is in progress; a preview, after which one may begin, only says so.

        Tags are changed without UpdatePipeline (the provider's aws_codepipeline), so nothing fails.

        Raises:
            pulumi.RunError: an execution is in progress, or executions cannot be listed.
        """
        if _but_tags(update.old_inputs) == _but_tags(update.new_inputs):
            return
        if pulumi.runtime.is_dry_run():
            pulumi.log.warn(
                f"pipeline {self.pipeline} changes: an execution in progress would fail, so `pulumi up` does not "
                f"change it while there is one; bin/delivery status --stack {self.stack} shows it"
            )
            return
        if running := [row for row in self._executions() if row["status"] in IN_PROGRESS]:
            raise pulumi.RunError(self._refusal(running[0]))

    def _executions(self) -> list[dict[str, Any]]:
        """Return the summaries of all executions, newest first; none if somebody deleted the pipeline."""
        pages = self.clients("codepipeline").get_paginator("list_pipeline_executions")
        try:
            found = list(pages.paginate(pipelineName=self.pipeline))
        except (ClientError, BotoCoreError) as error:
            if getattr(error, "response", {}).get("Error", {}).get("Code") == "PipelineNotFoundException":
                return []
            raise pulumi.RunError(
                f"pipeline {self.pipeline} is not changed, since its executions cannot be listed; docs/iam/up.json has "
                f"the permission, codepipeline:ListPipelineExecutions: {error}"
            ) from error
        return [row for page in found for row in page["pipelineExecutionSummaries"]]

    def _refusal(self, row: dict[str, Any]) -> str:
        """Return the message about an execution."""
        identifier = row["pipelineExecutionId"]
        commits = [revision["revisionId"][:7] for revision in row.get("sourceRevisions", ())]
        of = f" of commit {commits[0]}" if commits else ""
        return (
            f"pipeline {self.pipeline} is not changed: execution {identifier}{of} is in progress and would fail; let "
            f"it end (bin/delivery status --stack {self.stack} tells what it waits for: bin/delivery approve, reject "
            f"or resume --stack {self.stack}), or stop it: aws codepipeline stop-pipeline-execution --pipeline-name "
            f"{self.pipeline} --pipeline-execution-id {identifier} --abandon; then run `pulumi up` again"
        )


def _but_tags(inputs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a pipeline's inputs without its tags, and without what the provider adds about itself."""
    return {key: value for key, value in (inputs or {}).items() if key not in ("tags", "tagsAll", "__defaults")}
