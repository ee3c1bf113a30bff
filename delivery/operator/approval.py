"""Approve or reject the release that waits, knowing what staging serves now."""

from __future__ import annotations

import getpass
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from contract.pipeline import RELEASE
from delivery import environment as environments
from delivery.aws import pipeline, pipeline_state
from delivery.aws.clients import code
from delivery.console import paint
from delivery.deploying import proof
from delivery.errors import DeliveryError
from delivery.release import manifest

if TYPE_CHECKING:
    from types_boto3_codepipeline.literals import ApprovalStatusType

    from delivery.aws.clients import Clients
    from delivery.aws.pipeline_state import Waiting
    from delivery.environment import Pipeline

SUMMARY_LIMIT = 512  # PutApprovalResult, result.summary
LATE = ("InvalidApprovalTokenException", "ApprovalAlreadyCompletedException")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a person says: `yes` where a warning is known and accepted beforehand."""

    approved: bool
    execution: str
    reason: str
    yes: bool


def run(clients: Clients, of: Pipeline, answer: Answer) -> None:
    """Show what waits, warn where staging serves something else now, and give the answer.

    Raises:
        DeliveryError: nothing (or something else) waits, the warning was not accepted, or the answer came too late.
    """
    found = _find(clients, of, answer.execution)
    differs = describe(clients, of, found)
    if differs:
        print(paint(f"WARNING: {differs}", "yellow"), flush=True)
        if answer.approved and not answer.yes:
            _ask()
    verb: ApprovalStatusType = "Approved" if answer.approved else "Rejected"
    summary = (answer.reason or f"{verb} by {getpass.getuser()} with delivery")[:SUMMARY_LIMIT]
    try:
        clients("codepipeline").put_approval_result(
            pipelineName=of.name,
            stageName=found.stage,
            actionName=found.action,
            result={"status": verb, "summary": summary},
            token=found.token,
        )
    except ClientError as error:
        if code(error) not in LATE:
            raise
        raise DeliveryError(f"the approval was answered, or expired, meanwhile; see: {error}") from error
    print(f"{verb.lower()}: execution {found.execution} ({summary})")


def _find(clients: Clients, of: Pipeline, execution: str) -> Waiting:
    pending = pipeline_state.waiting(pipeline.state(clients("codepipeline"), of.name))
    chosen = [one for one in pending if one.execution.startswith(execution)]
    if len(chosen) == 1:
        return chosen[0]
    told = "; ".join(f"{one.execution} (stage {one.stage})" for one in pending) or "none waits"
    if execution:
        raise DeliveryError(f"execution {execution} does not wait for an approval; those that wait: {told}")
    if chosen:
        raise DeliveryError(f"several approvals wait, name one with --execution: {told}")
    raise DeliveryError(f"no approval waits in pipeline {of.name}; see: delivery status --stack <stack>")


def describe(clients: Clients, of: Pipeline, waiting: Waiting) -> str:
    """Print what an execution would release and what the stacks before its approval (staging) serve now.

    Returns:
        How the two differ, empty where they do not.
    """
    execution = waiting.execution
    summary = pipeline.execution(clients("codepipeline"), of.name, execution)
    commit = pipeline.commit_of(summary)
    release = pipeline.variable(pipeline.actions(clients("codepipeline"), of.name, execution), RELEASE)
    print(f"execution  {execution}\ncommit     {commit}\nimages     {release or '(the execution exported none)'}")
    tested, differences = manifest.shown(release), []
    deployed = pipeline.stacks(clients("ssm"), of.name)
    for stack in [deployed[stage] for stage in waiting.before if stage in deployed]:
        try:
            there = environments.read(clients("ssm"), stack)
            served = proof.served(clients, there)
        except DeliveryError as unknown:
            differences.append(f"what {stack} serves now is not known: {unknown}")
            continue
        print(f"{stack:10} serves {served} now at {there.url}")
        # Of services that had no room in the variable the commit tells enough: a commit is built once.
        if any(
            (commit, tested.get(name, digest)) != (version, digest)
            for name, (version, digest) in served.versions.items()
        ):
            differences.append(
                f"{stack} serves {served} now, not what was tested for this execution ({commit}); "
                f"approving releases {commit}, which passed there before"
            )
    return "; ".join(differences)


def _ask() -> None:
    if not sys.stdin.isatty():
        raise DeliveryError("not approved: give --yes if this execution is to be released all the same")
    if input("Approve it all the same? [y/N] ").strip().lower() not in ("y", "yes"):
        raise DeliveryError("not approved; the execution still waits")
