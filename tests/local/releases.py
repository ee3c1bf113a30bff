"""Pushes to the local GitHub and the pipeline's executions of them, by git and boto3 only."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from contract import names
from support.waiting import until
from tests.local.workspace import PORT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.local.workspace import Workspace

REPOSITORY = "slipway-example/slipway"
PIPELINE = "slipway-prod"
RUN_SECONDS = 900
ORDER = [
    "Source/Source",
    "Build/Test",
    "Build/Build",
    "Staging/Deploy",
    "Staging/Acceptance",
    "Staging/Promote",
    "Approval/Approve",
    "Production/Deploy",
    "Production/Smoke",
]
BESIDE = {"Build/Test": "Build/Build"}
"""An action that runs beside another, which goes to its end, and pushes nothing, when that fails."""


@dataclass(frozen=True)
class Releases:
    """A developer's clone of the repository, and the pipeline that releases its pushes."""

    workspace: Workspace
    name: str = PIPELINE
    """The pipeline's name."""
    repository: str = REPOSITORY
    production: str = "prod"

    @property
    def begun(self) -> bool:
        """Whether the first commit has been pushed."""
        return (self.workspace.root / ".localcloud/dev.git").exists()

    def git(self, *arguments: str) -> str:
        """Run git on the project's files, with a separate git folder."""
        who = ["-c", "user.name=Dev", "-c", "user.email=dev@example.org", "-c", "init.defaultBranch=main"]
        folder = ["--git-dir", str(self.workspace.root / ".localcloud/dev.git"), "--work-tree", "."]
        command = ["git", *who, *folder, *arguments]
        done = subprocess.run(command, cwd=self.workspace.root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def begin(self) -> str:
        """Push the unchanged project as the first commit; returns its hash."""
        self.git("init", "--quiet")
        return self.push("The project as it is")

    def break_gate(self, step: str) -> None:
        """Make a step of the pipeline always succeed; `step` names its file in delivery/buildspecs."""
        file = self.workspace.root / "delivery/buildspecs" / f"{step}.yml"
        lines = file.read_text("utf-8").splitlines()
        broken = [f"{line} || true" if "-m delivery" in line else line for line in lines]
        assert broken != lines, f"{file} runs no command of delivery"
        file.write_text("\n".join(broken) + "\n", "utf-8")

    def push(self, message: str, *, branch: str = "main") -> str:
        """Commit everything and push it; returns the commit's hash."""
        self.git("add", "--all", ".")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        self.git("push", "--quiet", f"http://127.0.0.1:{PORT}/{self.repository}.git", f"HEAD:refs/heads/{branch}")
        return self.git("rev-parse", "HEAD")

    def push_again(self, commit: str) -> None:
        """Force-push an earlier commit to the branch."""
        there = f"http://127.0.0.1:{PORT}/{self.repository}.git"
        self.git("push", "--quiet", "--force", there, f"{commit}:refs/heads/main")

    def push_with(self, changes: Mapping[str, Callable[[str], str]], message: str, *, branch: str = "main") -> str:
        """Push a commit with changed files, and restore them in the working tree; returns its hash.

        Args:
            changes: by path, a function from the file's text (empty if it does not exist) to its new text.
            message: the commit's message.
            branch: the branch to push to.
        """
        before: dict[str, str | None] = {}
        for name, change in changes.items():
            path = self.workspace.root / name
            before[name] = path.read_text("utf-8") if path.exists() else None
            path.write_text(change(before[name] or ""), "utf-8")
        try:
            return self.push(message, branch=branch)
        finally:
            for name, text in before.items():
                path = self.workspace.root / name
                path.unlink() if text is None else path.write_text(text, "utf-8")

    @property
    def rest(self) -> str:
        """The repository's URL in the local GitHub's REST API."""
        return f"http://127.0.0.1:{PORT}/api/v3/repos/{self.repository}"

    @property
    def pipeline(self) -> Any:  # noqa: ANN401 - boto3's clients have no static type
        """The boto3 client of CodePipeline."""
        return self.workspace.client("codepipeline")

    def execution_of(self, commit: str, *, other_than: str = "") -> str:
        """Wait for an execution of the commit; returns the newest."""

        def found() -> str:
            for row in self.pipeline.list_pipeline_executions(pipelineName=self.name)["pipelineExecutionSummaries"]:
                taken = {revision.get("revisionId") for revision in row.get("sourceRevisions", [])}
                if commit in taken and row["pipelineExecutionId"] != other_than:
                    return str(row["pipelineExecutionId"])
            return ""

        return until(found, lambda: f"no execution took {commit}")

    def status(self, execution: str) -> str:
        """Return the execution's status, such as InProgress."""
        found = self.pipeline.get_pipeline_execution(pipelineName=self.name, pipelineExecutionId=execution)
        return str(found["pipelineExecution"]["status"])

    def actions(self, execution: str) -> dict[str, dict[str, Any]]:
        """Return the latest run of each action of an execution, by `Stage/Action`, oldest first."""
        pages = self.pipeline.get_paginator("list_action_executions").paginate(
            pipelineName=self.name, filter={"pipelineExecutionId": execution}
        )
        rows = [row for page in pages for row in page["actionExecutionDetails"]]
        rows.sort(key=lambda row: row["startTime"])
        return {f"{row['stageName']}/{row['actionName']}": row for row in rows}

    def end(self, execution: str) -> str:
        """Wait until an execution has ended; returns its status."""
        self._until(execution, lambda: self.status(execution) != "InProgress")
        return self.status(execution)

    def stopped(self, execution: str) -> str:
        """Wait until an execution has ended or waits for approval; returns its status."""

        def there() -> bool:
            return self.status(execution) != "InProgress" or "Approval/Approve" in self.actions(execution)

        self._until(execution, there)
        return self.status(execution)

    def reach(self, execution: str, action: str, status: str = "InProgress") -> dict[str, Any]:
        """Wait until an action (`Stage/Action`) of an execution has a status; returns its details.

        Fails if the execution ends earlier.
        """

        def there() -> bool:
            if self.actions(execution).get(action, {}).get("status") == status:
                return True
            assert self.status(execution) == "InProgress", self.told(execution)
            return False

        self._until(execution, there)
        return self.actions(execution)[action]

    def reach_phase(self, execution: str, action: str, phase: str) -> None:
        """Wait until the build of an action has reached a phase, such as BUILD."""
        self.reach(execution, action)
        order = ["PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD"]
        reached, codebuild = order[order.index(phase) :], self.workspace.client("codebuild")

        def there() -> bool:
            found = self.actions(execution)[action].get("output", {}).get("executionResult", {})
            build = found.get("externalExecutionId")
            return bool(build) and codebuild.batch_get_builds(ids=[build])["builds"][0]["currentPhase"] in reached

        self._until(execution, there)

    def _until(self, execution: str, there: Callable[[], bool]) -> None:
        until(there, lambda: self.told(execution), RUN_SECONDS)

    def told(self, execution: str) -> str:
        """Describe an execution for failure messages: each action's status, and the log of the failed one."""
        found = self.actions(execution)
        lines = [f"{name}: {row['status']} {summary(row)}" for name, row in found.items()]
        failed = [row for row in found.values() if row["status"] == "Failed"]
        return "\n".join([*lines, *(self.log(row)[-3000:] for row in failed)])

    def log(self, row: dict[str, Any]) -> str:
        """Return the build log of a run of an action."""
        build = row["output"]["executionResult"].get("externalExecutionId", "")
        if ":" not in build:
            return ""
        return log_of(self.workspace, self.workspace.client("codebuild").batch_get_builds(ids=[build])["builds"][0])

    def checked(self) -> dict[str, list[dict[str, Any]]]:
        """Return the builds of the checks by the commit that they tested."""
        codebuild, found = self.workspace.client("codebuild"), dict[str, list[dict[str, Any]]]()
        ids = codebuild.list_builds_for_project(projectName=f"{self.name}-checks")["ids"]
        for row in codebuild.batch_get_builds(ids=ids[:20])["builds"] if ids else ():
            found.setdefault(row.get("resolvedSourceVersion", ""), []).append(row)
        return found

    def logs_of_checks(self, commit: str) -> str:
        """Return the build logs of a commit's checks."""
        return "\n".join(log_of(self.workspace, row) for row in self.checked().get(commit, []))

    def delivery(self, *arguments: str) -> str:
        """Run a delivery command, which must succeed; returns its output."""
        done = self.workspace.delivery(*arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def approve(self, execution: str) -> str:
        """Wait until an execution asks for approval, and approve it; returns the command's output."""
        self.reach(execution, "Approval/Approve")
        return self.delivery("approve", "--stack", self.production, "--execution", execution, "--yes")

    def _repository(self, service: str) -> str:
        """Return the name of a service's image repository, which begins with the project's."""
        return f"{names.project(self.workspace.root / 'Pulumi.yaml')}/{service}"

    def digest(self, commit: str, service: str = "web") -> str:
        """Return the digest of a service's image built from a commit."""
        images = self.workspace.client("ecr").describe_images(
            repositoryName=self._repository(service), imageIds=[{"imageTag": f"candidate-{commit}"}]
        )
        return str(images["imageDetails"][0]["imageDigest"])

    def is_pushed(self, commit: str, service: str = "web") -> bool:
        """Whether a service's image of a commit is in the registry."""
        pages = (
            self.workspace.client("ecr").get_paginator("list_images").paginate(repositoryName=self._repository(service))
        )
        return any(commit in one.get("imageTag", "") for page in pages for one in page["imageIds"])

    def tags(self, digest: str, service: str = "web") -> set[str]:
        """Return the tags of a service's image."""
        images = self.workspace.client("ecr").describe_images(
            repositoryName=self._repository(service), imageIds=[{"imageDigest": digest}]
        )
        return set(images["imageDetails"][0].get("imageTags", []))


def log_of(workspace: Workspace, build: dict[str, Any]) -> str:
    """Return the log of a build, given CodeBuild's description of it."""
    where = {"logGroupName": build["logs"]["groupName"], "logStreamNames": [build["logs"]["streamName"]]}
    pages = workspace.client("logs").get_paginator("filter_log_events").paginate(**where)
    return "\n".join(event["message"] for page in pages for event in page["events"])


def version(workspace: Workspace, stack: str) -> dict[str, str]:
    """Return the commit and digest that a stack's url reports."""
    answer = httpx.get(workspace.outputs(stack)["url"] + "/version").json()
    return dict(answer)


def summary(row: dict[str, Any]) -> str:
    """Return the error message or summary of a run of an action."""
    result = row.get("output", {}).get("executionResult", {})
    return str(result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary") or "")
