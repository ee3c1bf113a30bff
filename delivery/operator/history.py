"""History: the releases of an environment, newest first."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING

from contract.images import ACCEPTED, RELEASED
from delivery.console import age, as_text, paint, short, table
from delivery.deploying import revisions
from delivery.release import images

if TYPE_CHECKING:
    from datetime import datetime

    from delivery.environment import Service
    from delivery.session import Session

HEAD = ("", "released", "age", "commit", "result", "proof", "marks", "execution")
COLOURS = {"passed": "green", "failed": "red", "rolled back": "yellow"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A release of a service.

    `version` is the commit, of a first image `content-...`. `result` is `passed`, `failed`, `rolled back` (it had
    passed until then), `first` or `not tested`; `marks` are those of its image, None if that is gone.
    """

    service: str
    revision: str
    served: bool
    released: datetime
    version: str
    digest: str
    execution: str
    result: str
    proof: str
    marks: list[str] | None


def run(session: Session, most: int, *, as_json: bool = False) -> None:
    """Print the newest releases of every service, as tables or as JSON.

    Args:
        session: the environment.
        most: how many of each service at most.
        as_json: whether to print one JSON document: a list of releases.
    """
    environment = session.environment
    found = {service.name: _releases(session, service, most) for service in environment.services}
    if as_json:
        print(as_text([asdict(one) for rows in found.values() for one in rows]))
        return
    for name, rows in found.items():
        print(paint(f"{name} in {environment.stack}, {environment.url}; * is served", "bold"))
        print("\n".join(table(HEAD, [_row(one, session.clock.today()) for one in rows])))


def _releases(session: Session, service: Service, most: int) -> list[Release]:
    running = revisions.current(session, service)
    newest = revisions.newest_first(session.ecs, service.release_family, running.container)
    return [_release(session, service, one, served=one.arn == running.arn) for one in islice(newest, most)]


def _release(session: Session, service: Service, one: revisions.Revision, *, served: bool) -> Release:
    tags = images.tags_of(session.clients("ecr"), service.repository, one.digest) if one.digest else []
    marks = {tag.split("-", 1)[0] for tag in tags if tag.startswith((ACCEPTED, RELEASED))}
    noted = one.tags.get(revisions.RESULT, "").rpartition(" ")[0]
    return Release(
        service=service.name,
        revision=one.name,
        served=served,
        released=one.definition["registeredAt"].astimezone(),
        version=one.commit or one.version,
        digest=one.digest,
        execution=one.tags.get(revisions.EXECUTION, ""),
        result=noted or ("not tested" if one.commit else "first"),
        proof=one.tags.get(revisions.PROOF, ""),
        marks=sorted(marks) if tags else None,
    )


def _row(one: Release, now: float) -> tuple[str, ...]:
    return (
        paint("*", "green") if one.served else "",
        f"{one.released:%Y-%m-%d %H:%M}",
        age(now - one.released.timestamp()),
        short(one.version),
        paint(one.result, COLOURS.get(one.result, "grey")),
        one.proof.rpartition(" ")[2],
        "image gone" if one.marks is None else " ".join(one.marks),
        one.execution[: images.EXECUTION_SHOWN],
    )
