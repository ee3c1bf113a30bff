"""CodeBuild actions: a build of the local CodeBuild with the action's artifacts and variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError
from localcloud.services.codebuild import Artifact
from localcloud.services.codepipeline.action_rules import build_variables

if TYPE_CHECKING:
    from localcloud.services.codebuild import CodeBuild
    from localcloud.services.codepipeline.action_records import Ledger
    from localcloud.state.table import Doc


class Builds:
    """Runs the CodeBuild actions."""

    def __init__(self, ledger: Ledger, codebuild: CodeBuild) -> None:
        """Initialize with the action records and CodeBuild."""
        self._ledger, self._codebuild = ledger, codebuild

    def begin(self, execution: Doc, action: Doc) -> None:
        """Start the build; the build and its identifier are saved together, in the engine's transaction."""
        configuration = action["resolved"]
        inputs = [artifact(row) for row in action["inputs"]]
        primary = configuration.get("PrimarySource", inputs[0].name)
        made = next(row for row in action["inputs"] if row["name"] == primary)
        build = self._started(
            project=configuration["ProjectName"],
            inputs=inputs,
            primary=primary,
            outputs=[artifact(row) for row in action["outputs"]],
            environment=build_variables(action["action"], configuration.get("EnvironmentVariables", "[]")),
            execution=execution["id"],
            initiator=f"codepipeline/{execution['pipeline']}",
            source_version=made.get("revision") or f"arn:aws:s3:::{made['bucket']}/{made['key']}",
            batch=False,
        )
        action["externalId"] = build
        action["externalUrl"] = self._url(build)
        self._ledger.state.save_action(action)

    def _started(self, **arguments: Any) -> str:
        """Start a build; if CodeBuild rejects it, the action fails with AWS's message."""
        try:
            return self._codebuild.start_from_pipeline(**arguments)
        except ApiError as error:
            text = f"Error calling startBuild: {error.message} (Service: AWSCodeBuild; Error Code: {error.code})"
            raise ApiError("JobFailed", text) from error

    def look(self, execution: Doc, action: Doc) -> None:
        """Check whether the build is complete."""
        if "externalId" not in action:
            self.begin(execution, action)
            return
        build = self._codebuild.build(action["externalId"])
        if build is None:
            text = f"The build {action['externalId']} is gone: its project was deleted while it ran"
            self._ledger.fail(execution, action, "JobFailed", text)
            return
        status = build["buildStatus"]
        if status == "IN_PROGRESS":
            return
        if status == "SUCCEEDED":
            exported = build.get("exportedEnvironmentVariables") or []
            self._ledger.succeed(execution, action, {row["name"]: row["value"] for row in exported})
            return
        self._ledger.fail(execution, action, "JobFailed", reason(build))

    def forget(self, action: Doc) -> None:
        """Leave the build running, as AWS does when an execution is abandoned."""

    def _url(self, build: str) -> str:
        ctx = self._ledger.state.ctx
        project = build.partition(":")[0]
        base = f"https://{ctx.region}.console.aws.amazon.com/codesuite/codebuild/{ctx.account}/projects"
        return f"{base}/{project}/build/{build}/?region={ctx.region}"


def artifact(row: Doc) -> Artifact:
    """Return an artifact in CodeBuild's form."""
    return Artifact(name=row["name"], bucket=row["bucket"], key=row["key"])


def reason(build: dict[str, Any]) -> str:
    """Return why a build failed, in AWS's words, with a link to its log."""
    text = f"Build terminated with state: {build['buildStatus']}"
    for phase in build.get("phases") or []:
        if phase.get("phaseStatus") not in (None, "SUCCEEDED", "IN_PROGRESS"):
            context = (phase.get("contexts") or [{}])[0]
            code, message = context.get("statusCode", ""), context.get("message", "")
            return f"{text}. Phase: {phase['phaseType']}, Code: {code}, Message: {message}"
    return text
