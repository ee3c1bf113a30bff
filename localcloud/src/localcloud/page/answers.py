"""What the page's forms do: one operation of an AWS API each, and one sentence about the outcome."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.gateway.limits import LimitError
from localcloud.gateway.protocol import ApiError
from localcloud.page.containers import short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.page.operations import Operations

KEPT = 50
"""How many outcomes are remembered: the browser that sent the form asks for its outcome at once."""
BY_PAGE = "by the local cloud's page"
EXPLAINED = {
    "ApprovalAlreadyCompletedException": "It was answered before.",
    "InvalidApprovalTokenException": "It waits no longer: its execution was superseded or stopped, or it has expired.",
    "StageNotRetryableException": "There is nothing to retry.",
    "NotLatestPipelineExecutionException": "A later execution has entered the stage since.",
    "PipelineExecutionOutdatedException": "The pipeline has changed since that execution.",
    "ConflictException": "The deployment is over, or is being rolled back already.",
    "LimitExceededException": "The local cloud begins nothing at present.",
}
"""What a service's refusal means for somebody who pressed a button, by its code; its own words follow."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a form brought about."""

    done: bool
    text: str


async def approval(operations: Operations, fields: Mapping[str, str]) -> str:
    """Answer an approval."""
    status = fields["status"]
    result = {"status": status, "summary": fields.get("summary", "").strip() or f"{status} {BY_PAGE}"}
    where = {name: fields[name] for name in ("pipelineName", "stageName", "actionName")}
    await operations("codepipeline", "PutApprovalResult", **where, token=fields["token"], result=result)
    return f"{status}: {where['actionName']} in {where['stageName']} of {where['pipelineName']}."


async def retry(operations: Operations, fields: Mapping[str, str]) -> str:
    """Retry a stage."""
    where = {name: fields[name] for name in ("pipelineName", "stageName", "pipelineExecutionId", "retryMode")}
    await operations("codepipeline", "RetryStageExecution", **where)
    which = "its failed actions" if where["retryMode"] == "FAILED_ACTIONS" else "all its actions"
    return f"The stage {where['stageName']} of {where['pipelineName']} is retried: {which} run again."


async def stage_rollback(operations: Operations, fields: Mapping[str, str]) -> str:
    """Roll a stage back to an earlier execution."""
    where = {name: fields[name] for name in ("pipelineName", "stageName", "targetPipelineExecutionId")}
    made = await operations("codepipeline", "RollbackStage", **where)
    started = f"The execution {made['pipelineExecutionId'][:8]} was started"
    return f"{started}: it runs the stage {where['stageName']} of {where['pipelineName']} as the earlier one did."


async def transition(operations: Operations, fields: Mapping[str, str]) -> str:
    """Enable the transition into a stage."""
    where = {name: fields[name] for name in ("pipelineName", "stageName")}
    await operations("codepipeline", "EnableStageTransition", **where, transitionType="Inbound")
    return f"The transition into the stage {where['stageName']} of {where['pipelineName']} is enabled."


async def deployment(operations: Operations, fields: Mapping[str, str]) -> str:
    """Roll back a service deployment in progress."""
    arn = fields["serviceDeploymentArn"]
    await operations("ecs", "StopServiceDeployment", serviceDeploymentArn=arn, stopType="ROLLBACK")
    return f"The deployment of {'/'.join(arn.split('/')[1:3])} is being rolled back."


async def service(operations: Operations, fields: Mapping[str, str]) -> str:
    """Deploy an earlier task definition of a service, unless the service has changed since the form was shown."""
    cluster, name, wanted = fields["cluster"], fields["service"], fields["taskDefinition"]
    found = (await operations("ecs", "DescribeServices", cluster=cluster, services=[name]))["services"]
    now = short(found[0]["taskDefinition"]) if found else ""
    if now == wanted:
        raise ApiError("", f"{cluster}/{name} has the task definition {wanted} already.")
    if found and now != fields["from"]:
        raise ApiError("", f"{cluster}/{name} was changed to {now} since this page was loaded. Look again.")
    await operations("ecs", "UpdateService", cluster=cluster, service=name, taskDefinition=wanted)
    return f"{cluster}/{name} is being deployed with the task definition {wanted}."


FORMS = {
    "approval": approval,
    "retry": retry,
    "stage-rollback": stage_rollback,
    "transition": transition,
    "deployment": deployment,
    "service": service,
}
"""The forms, by the last part of their address."""


async def answer(operations: Operations, name: str, fields: Mapping[str, str]) -> Outcome:
    """Do what a form asks for, once; return what became of it."""
    try:
        return Outcome(done=True, text=await FORMS[name](operations, fields))
    except KeyError as error:
        return Outcome(done=False, text=f"Nothing was changed: the form has no field {error}.")
    except (ApiError, LimitError) as error:
        words = [EXPLAINED.get(error.code, ""), f"{error.code}: {error.message}" if error.code else error.message]
        return Outcome(done=False, text=f"Nothing was changed. {' '.join(filter(None, words))}")


class Outcomes:
    """The outcomes that are still to be shown; their keys cannot be guessed, so that no link can bring in words."""

    def __init__(self) -> None:
        """Start empty."""
        self._rows: OrderedDict[str, Outcome] = OrderedDict()

    def keep(self, outcome: Outcome) -> str:
        """Remember an outcome and return its key."""
        key = secrets.token_urlsafe(9)
        self._rows[key] = outcome
        while len(self._rows) > KEPT:
            self._rows.popitem(last=False)
        return key

    def get(self, key: str) -> Outcome | None:
        """Return an outcome, or None if it is not remembered."""
        return self._rows.get(key)
