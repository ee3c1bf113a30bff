"""Release revisions: task definition revisions made from a template, an image and a version.

Tags of a release revision: `slipway:commit`; `slipway:execution`; `slipway:replaces`, the good revision that it took
over from; `slipway:version-path`, the path that returns its version; `slipway:result`, `passed <time>` once its
acceptance (in production: its smoke test) has passed, `failed <time>` when it was put back, `rolled back <time>` when
people went back from it; `slipway:rolled-back-by`, the ARN of who did that, and `slipway:rolled-back-to`, to which
version; `slipway:proof`, what proved that it is served. The first revision of a family, made by Pulumi, has none of
these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from contract.containers import APP_VERSION
from contract.names import TAG
from delivery.aws.clients import code
from delivery.deploying import ecs_service
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_ecs import ECSClient
    from types_boto3_ecs.literals import TaskDefinitionStatusType
    from types_boto3_ecs.type_defs import ContainerDefinitionOutputTypeDef, TaskDefinitionTypeDef

    from delivery.environment import Environment, Service
    from delivery.session import Session


COMMIT, EXECUTION = f"{TAG}:commit", f"{TAG}:execution"
REPLACES, RESULT = f"{TAG}:replaces", f"{TAG}:result"
PROOF = f"{TAG}:proof"
VERSION_PATH = f"{TAG}:version-path"
BACK_BY, BACK_TO = f"{TAG}:rolled-back-by", f"{TAG}:rolled-back-to"
NOT_IN_TAGS = re.compile(r"[^\w +\-=.:/@]")
"""What a tag's value cannot have (ECS developer guide, "Tag restrictions"), at most VALUE_LIMIT characters."""
VALUE_LIMIT = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """A task definition revision with its tags; `container` is the name of the one that runs the service's image."""

    definition: TaskDefinitionTypeDef
    tags: dict[str, str]
    container: str

    @property
    def arn(self) -> str:
        """Its ARN."""
        return str(self.definition["taskDefinitionArn"])

    @property
    def number(self) -> int:
        """Its number in the family."""
        return int(self.definition["revision"])

    @property
    def name(self) -> str:
        """Family and number, as people write it."""
        return self.arn.rpartition("/")[2]

    @property
    def active(self) -> bool:
        """Whether a service can be updated to it."""
        return bool(self.definition["status"] == "ACTIVE")

    @property
    def commit(self) -> str:
        """The commit that was released, empty for the first revision of a family."""
        return self.tags.get(COMMIT, "")

    @property
    def passed(self) -> bool:
        """Whether it passed acceptance and has not been put back since."""
        return self.tags.get(RESULT, "").startswith("passed")

    @property
    def good(self) -> bool:
        """Whether it passed, or is the first revision of its family, which no release created."""
        return self.passed or not self.commit

    @property
    def container_definition(self) -> ContainerDefinitionOutputTypeDef:
        """The definition of its container."""
        return _container(self.definition, self.container)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of its container."""
        held = self.container_definition.get("environment", [])
        return {pair["name"]: pair["value"] for pair in held}

    @property
    def digest(self) -> str:
        """The digest of its image, empty if the image is not referenced by digest."""
        return str(self.container_definition["image"]).partition("@")[2]

    @property
    def version(self) -> str:
        """The version that its container reports."""
        return self.variables.get(APP_VERSION, "")

    @property
    def port(self) -> int:
        """The port that its container listens on: the one that its definition maps, as Slipway's own do."""
        return int(self.container_definition["portMappings"][0]["containerPort"])

    def __str__(self) -> str:
        return f"{self.name} ({self.commit or self.version or 'first image'})"


def _container(definition: TaskDefinitionTypeDef, name: str) -> ContainerDefinitionOutputTypeDef:
    containers = definition["containerDefinitions"]
    return next((one for one in containers if one["name"] == name), containers[0])


def read(ecs: ECSClient, name: str, container: str) -> Revision:
    """Return a revision by ARN, or the latest active revision of a family by name.

    Raises:
        DeliveryError: there is none.
    """
    try:
        found = ecs.describe_task_definition(taskDefinition=name, include=["TAGS"])
    except ClientError as error:
        if code(error) not in ("ClientException", "InvalidParameterException"):
            raise
        raise DeliveryError(f"task definition {name} does not exist (any more); run: pulumi up of the stack") from error
    tags = {tag["key"]: tag["value"] for tag in found.get("tags", [])}
    return Revision(definition=found["taskDefinition"], tags=tags, container=container)


def newest_first(
    ecs: ECSClient, family: str, container: str, status: TaskDefinitionStatusType = "ACTIVE"
) -> Iterator[Revision]:
    """Yield a family's revisions, newest first."""
    pages = ecs.get_paginator("list_task_definitions").paginate(familyPrefix=family, status=status, sort="DESC")
    for page in pages:
        for arn in page["taskDefinitionArns"]:
            if arn.rpartition("/")[2].rpartition(":")[0] == family:  # a prefix fits other families too
                yield read(ecs, arn, container)


def note(ecs: ECSClient, revision: Revision, result: str) -> None:
    """Tag a release revision `passed`, `failed` or `rolled back` with the time; Pulumi's own one is never tagged."""
    if not revision.commit:
        return
    value = f"{result} {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    ecs.tag_resource(resourceArn=revision.arn, tags=[{"key": RESULT, "value": value}])


def note_rollback(ecs: ECSClient, revision: Revision, by: str, to: str) -> None:
    """Tag a release revision that people went back from, with the result, who did it and to which version."""
    if not revision.commit:
        return
    note(ecs, revision, "rolled back" if revision.good else "failed")
    held = {BACK_BY: by, BACK_TO: to}
    valid = {key: NOT_IN_TAGS.sub("-", value)[:VALUE_LIMIT] for key, value in held.items() if value}
    ecs.tag_resource(resourceArn=revision.arn, tags=[{"key": key, "value": value} for key, value in valid.items()])


def note_proof(ecs: ECSClient, revision: Revision, proof: str) -> None:
    """Tag a release revision with the proof that it was served: `digest, health, version`."""
    if revision.commit:
        ecs.tag_resource(resourceArn=revision.arn, tags=[{"key": PROOF, "value": proof.replace(", ", " ")}])


def good(ecs: ECSClient, start: Revision, family: str) -> Revision | None:
    """Return the revision to put a service back to: `start` if it is good, else the first good one it descends from.

    A revision is good when its acceptance (in production: its smoke test) has passed and it was not put back since,
    or when it is the first of its family, which no release made. A running one that is neither was left behind by
    a deploy or a test that was killed half-way: then it goes along `slipway:replaces` to a good one, and where that
    chain is broken, to the newest good one of the family.

    Returns:
        An active revision, or None where there is none.
    """
    seen: set[str] = set()
    at: Revision | None = start
    while at is not None and at.arn not in seen:
        if at.active and at.good:
            return at
        seen.add(at.arn)
        at = _replaced(ecs, at)
    for one in newest_first(ecs, family, start.container):
        if one.arn not in seen and one.good:
            return one
    return None


def _replaced(ecs: ECSClient, revision: Revision) -> Revision | None:
    before = revision.tags.get(REPLACES)
    if not before:
        return None
    try:
        return read(ecs, before, revision.container)
    except DeliveryError:
        return None


def as_run(session: Session) -> Environment:
    """Return the environment with the version path of each service as the release that it runs has it.

    The recorded one is that of the next release, from the `pulumi up` on that changes it. A revision without the tag
    has that of the first image.
    """
    services = session.environment.services
    paths = [current(session, one).tags.get(VERSION_PATH) or one.first_version_path for one in services]
    asked = tuple(
        replace(one, version_path=path or one.version_path) for one, path in zip(services, paths, strict=True)
    )
    return replace(session.environment, services=asked)


def current(session: Session, service: Service) -> Revision:
    """Return the revision that a service is set to run."""
    held = ecs_service.describe(session, service)
    return read(session.ecs, held["taskDefinition"], ecs_service.container_of(held, service))
