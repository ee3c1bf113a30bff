"""Remove the task definition revisions that a stack's life leaves in the account.

Whose a revision is, its own tags say: `project: slipway` and `environment: <stack>`; nothing else is touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.names import ENVIRONMENT_TAG, PROJECT, PROJECT_TAG, release_family
from delivery.deploying import revisions
from delivery.deploying.revisions import current
from delivery.errors import DeliveryError
from delivery.release import in_use
from delivery.session import Session

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient
    from types_boto3_ecs.literals import TaskDefinitionStatusType
    from types_boto3_ecs.type_defs import ServiceTypeDef

    from delivery.aws.clients import Clients
    from delivery.console import Say
    from delivery.environment import Environment

DELETE_AT_ONCE = 10  # DeleteTaskDefinitions takes at most ten, says the ECS API reference
SERVICES_AT_ONCE = 10  # DescribeServices likewise


@dataclass(frozen=True, kw_only=True, slots=True)
class Cleaner:
    """Removes the revisions of a stack."""

    clients: Clients
    stack: str
    say: Say

    def run(self, environment: Environment | None, keep: int) -> int:
        """Remove what is of no use any more.

        Of a stack that is up, release revisions beyond the newest `keep`, never one that is served, that one
        that is served goes back to, or Pulumi's own first one. Of a stack that is destroyed (None), all of them,
        those that Pulumi never knew included.

        Returns:
            How many revisions were deleted.

        Raises:
            DeliveryError: ECS refused to delete some, with its first reason.
        """
        ecs = self.clients("ecs")
        old = self._old(environment, keep) if environment else self._orphans()
        for arn in old:
            ecs.deregister_task_definition(taskDefinition=arn)
        self._unmark(environment)
        return task_definitions(ecs, self.stack)

    def _unmark(self, environment: Environment | None) -> None:
        """Take the stack's mark from images that none of its active revisions refers to, so that they may expire."""
        ecr, count = self.clients("ecr"), 0
        if environment is None:
            for page in ecr.get_paginator("describe_repositories").paginate():
                names = [row["repositoryName"] for row in page["repositories"]]
                count += sum(
                    in_use.unmark(ecr, self.stack, name, ()) for name in names if name.startswith(f"{PROJECT}/")
                )
        else:
            session = Session(clients=self.clients, environment=environment, say=self.say)
            for service in environment.services:
                running = current(session, service)
                left = revisions.newest_first(session.ecs, service.release_family, running.container)
                kept = {running.digest, *(one.digest for one in left)}
                count += in_use.unmark(ecr, self.stack, service.repository, kept)
        if count:
            self.say(
                f"{count} images are marked as in use by {self.stack} no longer, and expire with others of their age"
            )

    def _old(self, environment: Environment, keep: int) -> list[str]:
        ecs, found = self.clients("ecs"), []
        session = Session(clients=self.clients, environment=environment, say=self.say)
        for service in environment.services:
            running = current(session, service)
            back = running.tags.get(revisions.REPLACES)
            good = revisions.good(ecs, running, service.release_family)
            held = {running.arn, back, good.arn if good else ""}
            every = list(revisions.newest_first(ecs, service.release_family, running.container))
            ours = [one for one in every if one.commit and one.tags.get(ENVIRONMENT_TAG) == self.stack]
            found += [one.arn for one in ours[keep:] if one.arn not in held]
        return found

    def _orphans(self) -> list[str]:
        """Return the active revisions of a destroyed stack, but for what a service of the account still runs."""
        ecs = self.clients("ecs")
        arns = [arn for arn in _listed(ecs, self.stack, "ACTIVE") if _of_stack(ecs, arn, self.stack)]
        used = _in_use(ecs) if arns else set()
        for arn in used.intersection(arns):
            self.say(f"{arn} is kept: a service runs it, so the stack is not destroyed in this account and region")
        return [arn for arn in arns if arn not in used]


def task_definitions(ecs: ECSClient, stack: str) -> int:
    """Delete the inactive task definition revisions of a stack's families.

    Pulumi deregisters revisions, which leaves them listed as INACTIVE.

    Args:
        ecs: a boto3 `ecs` client.
        stack: the stack's name.

    Returns:
        How many revisions were deleted.

    Raises:
        DeliveryError: ECS refused to delete some, with its first reason.
    """
    arns = [arn for arn in _listed(ecs, stack, "INACTIVE") if _of_stack(ecs, arn, stack)]
    for start in range(0, len(arns), DELETE_AT_ONCE):
        done = ecs.delete_task_definitions(taskDefinitions=arns[start : start + DELETE_AT_ONCE])
        for failure in done.get("failures", []):
            raise DeliveryError(f"ECS did not delete {failure['arn']}: {failure.get('reason')}; run it again")
    return len(arns)


def _listed(ecs: ECSClient, stack: str, status: TaskDefinitionStatusType) -> list[str]:
    """Return the revisions of the families whose names begin as the stack's: others' may be among them."""
    named = ecs.get_paginator("list_task_definition_families").paginate(
        familyPrefix=release_family(stack, ""), status="ALL"
    )
    families = [family for page in named for family in page["families"]]
    list_revisions = ecs.get_paginator("list_task_definitions").paginate
    pages = [page for family in families for page in list_revisions(familyPrefix=family, status=status)]
    return [arn for page in pages for arn in page["taskDefinitionArns"]]


def _of_stack(ecs: ECSClient, arn: str, stack: str) -> bool:
    found = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    tags = {tag["key"]: tag["value"] for tag in found.get("tags", [])}
    return tags.get(PROJECT_TAG) == PROJECT and tags.get(ENVIRONMENT_TAG) == stack


def _in_use(ecs: ECSClient) -> set[str]:
    """Return the task definitions that services of the account run."""
    used: set[str] = set()
    for clusters in ecs.get_paginator("list_clusters").paginate():
        for cluster in clusters["clusterArns"]:
            for page in ecs.get_paginator("list_services").paginate(
                cluster=cluster, PaginationConfig={"PageSize": SERVICES_AT_ONCE}
            ):
                used |= {one["taskDefinition"] for one in _services(ecs, cluster, page["serviceArns"])}
    return used


def _services(ecs: ECSClient, cluster: str, arns: list[str]) -> list[ServiceTypeDef]:
    return list(ecs.describe_services(cluster=cluster, services=arns)["services"]) if arns else []
