"""Why the tasks of a release do not come up, read with the rights of who asks."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import diagnosis
from delivery.deploying import revisions

if TYPE_CHECKING:
    from delivery.deploying.revisions import Revision
    from delivery.environment import Service
    from delivery.session import Session

LOOKED_AT = 5
"""How many of the newest revisions are looked at: an execution's own is the newest, or close to it."""


def of_execution(session: Session, execution: str) -> list[str]:
    """Return the lines about each service whose tasks of an execution's release failed; ECS remembers for an hour."""
    shown: list[str] = []
    for service in session.environment.services:
        if found := _of_service(session, service, execution):
            shown += [f"{service.name}: {line}" for line in str(found).splitlines()]
    return shown


def _of_service(session: Session, service: Service, execution: str) -> diagnosis.Diagnosis | None:
    newest = islice(revisions.newest_first(session.ecs, service.release_family, service.container), LOOKED_AT)
    own = next((one for one in newest if one.tags.get(revisions.EXECUTION) == execution), None)
    return of_revision(session, service, own) if own else None


def of_revision(session: Session, service: Service, revision: Revision) -> diagnosis.Diagnosis | None:
    """Return why the tasks of a service on a revision do not come up; None if nothing shows it."""
    return diagnosis.of_service(
        session.clients,
        cluster=session.environment.cluster,
        service=service.ecs_service,
        container=service.container,
        port=revision.port,
        health_path=service.health_path,
        task_definition=revision.arn,
    )
