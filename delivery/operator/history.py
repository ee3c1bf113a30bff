"""History: the releases of an environment, newest first."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from contract.images import ACCEPTED, RELEASED
from delivery.console import paint, table
from delivery.deploying import revisions
from delivery.deploying.revisions import current
from delivery.release import images

if TYPE_CHECKING:
    from delivery.environment import Service
    from delivery.session import Session

HEAD = ("", "revision", "when", "commit", "digest", "execution", "result", "proof", "marks")
SHORT = 19  # "sha256:" and twelve digits


def run(session: Session, most: int) -> None:
    """Print the newest releases of every service: `*` is served; result and marks say what a release passed."""
    environment = session.environment
    for service in environment.services:
        print(paint(f"{service.name} in {environment.stack}, {environment.url}", "bold"))
        print("\n".join(table(HEAD, _rows(session, service, most))))


def _rows(session: Session, service: Service, most: int) -> list[tuple[str, ...]]:
    running = current(session, service)
    rows: list[tuple[str, ...]] = []
    for one in islice(revisions.newest_first(session.ecs, service.release_family, running.container), most):
        tags = images.tags_of(session.clients("ecr"), service.repository, one.digest) if one.digest else []
        marks = [tag.split("-", 1)[0] for tag in tags if tag.startswith((ACCEPTED, RELEASED))]
        rows.append(
            (
                paint("*", "green") if one.arn == running.arn else "",
                one.name,
                f"{one.definition['registeredAt'].astimezone():%Y-%m-%d %H:%M:%S}",
                one.commit or one.version,
                one.digest[:SHORT],
                one.tags.get(revisions.EXECUTION, "")[: images.EXECUTION_SHOWN],
                one.tags.get(revisions.RESULT, "first" if not one.commit else "not tested"),
                one.tags.get(revisions.PROOF, ""),
                " ".join(sorted(set(marks))) if tags else "image gone",
            )
        )
    return rows
