"""CodePipeline's state as durable documents, with the lookups that several operations share."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError, Params, arn
from localcloud.state.table import Doc, Table

if TYPE_CHECKING:
    from localcloud.context import Context

LIVE = ("InProgress", "Stopping")
"""The statuses of an execution in progress."""
MASK = "****"
SECRETS = ("OAuthToken",)
PAGE = 100


class State:
    """The tables: pipelines by name, executions and action executions by identifier, webhooks by name."""

    def __init__(self, ctx: Context) -> None:
        """Load the tables from the store."""
        self.ctx = ctx
        self.pipelines = Table(ctx.store, "codepipeline.pipeline")
        self.executions = Table(ctx.store, "codepipeline.execution")
        self.actions = Table(ctx.store, "codepipeline.action")
        self.webhooks = Table(ctx.store, "codepipeline.webhook")

    def now(self) -> float:
        """Return the current time of pipelines."""
        return self.ctx.clock.now()

    def arn(self, resource: str) -> str:
        """Return a CodePipeline ARN."""
        return arn(self.ctx, "codepipeline", resource)

    @property
    def caller(self) -> str:
        """Return the principal that the local cloud uses for every caller."""
        return f"arn:aws:iam::{self.ctx.account}:root"

    def pipeline(self, name: str) -> Doc:
        """Return a pipeline, or raise AWS's error if it does not exist."""
        doc = self.pipelines.get(name)
        if doc is None:
            text = f"Account '{self.ctx.account}' does not have a pipeline with name '{name}'"
            raise ApiError("PipelineNotFoundException", text)
        return doc

    def declaration(self, pipeline: Doc, version: int | None = None) -> Doc:
        """Return a pipeline's structure, current or of a version; raise AWS's error if there is none."""
        found: Doc | None = pipeline["versions"].get(str(version or pipeline["version"]))
        if found is None:
            text = f"Pipeline {pipeline['name']} has no version {version}"
            raise ApiError("PipelineVersionNotFoundException", text)
        return found

    def execution(self, pipeline: str, identifier: str) -> Doc:
        """Return an execution of a pipeline, or raise AWS's error if it does not exist."""
        doc = self.executions.get(identifier)
        if doc is None or doc["pipeline"] != pipeline:
            text = f"Pipeline {pipeline} has no execution {identifier}"
            raise ApiError("PipelineExecutionNotFoundException", text)
        return doc

    def of_pipeline(self, name: str) -> list[Doc]:
        """Return a pipeline's executions, oldest first."""
        return [doc for doc in self.executions.values() if doc["pipeline"] == name]

    def structure(self, execution: Doc) -> Doc:
        """Return the pipeline structure that an execution uses."""
        return self.declaration(self.pipelines.rows[execution["pipeline"]], execution["version"])

    def stage(self, declaration: Doc, name: str) -> Doc:
        """Return a declared stage, or raise AWS's error if it does not exist."""
        for stage in declaration["stages"]:
            if stage["name"] == name:
                return dict(stage)
        raise ApiError("StageNotFoundException", f"Pipeline {declaration['name']} has no stage {name}")

    def save(self, execution: Doc) -> None:
        """Save an execution that was changed in place."""
        execution["updated"] = self.now()
        self.executions.save(execution["id"])

    def save_action(self, action: Doc) -> None:
        """Save an action execution that was changed in place."""
        action["updated"] = self.now()
        self.actions.save(action["id"])

    def action_arn(self, pipeline: str, stage: str, action: str) -> str:
        """Return an action's ARN."""
        return self.arn(f"{pipeline}/{stage}/{action}")

    def console(self, pipeline: str, tail: str = "view") -> str:
        """Return the URL of a pipeline in the AWS console; it is informational, nothing serves it here."""
        region = self.ctx.region
        base = f"https://{region}.console.aws.amazon.com/codesuite/codepipeline/pipelines"
        return f"{base}/{pipeline}/{tail}?region={region}"


def identifier() -> str:
    """Return a new identifier."""
    return str(uuid.uuid4())


def masked(value: Any) -> Any:
    """Return a structure with its secrets masked."""
    if isinstance(value, dict):
        return {key: MASK if key in SECRETS and isinstance(item, str) else masked(item) for key, item in value.items()}
    return [masked(item) for item in value] if isinstance(value, list) else value


def page(rows: list[Any], params: Params, most: str = "maxResults", token: str = "nextToken") -> tuple[list[Any], Doc]:  # noqa: S107 - the name of a field, not a password
    """Return one page of a listing, and the field with the token of the next page.

    Raises:
        ApiError: the token is invalid.
    """
    try:
        start = int(params.get(token, "0"))
    except ValueError:
        raise ApiError("InvalidNextTokenException", f"The token {params[token]} is not valid") from None
    end = start + int(params.get(most, PAGE))
    return rows[start:end], ({token: str(end)} if end < len(rows) else {})
