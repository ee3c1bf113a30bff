"""The roles of a task: sessions of the task role and of the task execution role."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.iam.authority import DeniedError

if TYPE_CHECKING:
    from localcloud.context import Context as Cloud
    from localcloud.iam.conditions import Context
    from localcloud.state.table import Doc

SERVICE = "ecs-tasks.amazonaws.com"
TASK, EXECUTION = "taskRoleArn", "executionRoleArn"


class RoleError(Exception):
    """ECS cannot assume a role; the message is worded as on AWS."""


def role(task: Doc, definition: Doc, member: str) -> str:
    """Return the ARN of a task's role, "" if it has none; `member` is `TASK` or `EXECUTION`."""
    return str(task.get("overrides", {}).get(member) or definition.get(member) or "")


def session(ctx: Cloud, task: Doc, definition: Doc, member: str) -> Doc | None:
    """Return credentials of the task role or the task execution role, None if the task has no such role. Blocking.

    Those of the task role expire; they are asked for again until then.

    Raises:
        RoleError: the role does not exist or does not trust ECS.
    """
    arn = role(task, definition, member)
    if not arn:
        return None
    name = task["taskArn"].rpartition("/")[2]
    context: Context = {"aws:sourcearn": f"arn:aws:ecs:{ctx.region}:{ctx.account}:*"}
    try:
        return ctx.iam.assume(arn, SERVICE, name, owner(task), context, expiring=member == TASK)
    except DeniedError as error:
        text = f"ECS was unable to assume the role '{arn}' that was provided for this task. Please verify that the"
        more = "role being passed has the proper trust relationship and permissions"
        raise RoleError(f"{text} {more}: {error}") from error


def owner(task: Doc) -> str:
    """Return the owner name of a task's role sessions."""
    return f"task {task['taskArn']}"
