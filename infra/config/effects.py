"""What a change of a configuration key does to a stack that serves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from infra.config.errors import Location, model_at

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo


class Kind(StrEnum):
    """The kinds of effects, from harmless to refused."""

    IN_PLACE = "in place"
    """The change is applied by `pulumi up`, and no request fails."""
    RELEASE = "with the next release"
    """`pulumi up` changes what the next release is made of; what runs is left alone."""
    REPLACES = "replaces"
    """Something that serves is replaced or restarted; the detail says what and what that costs."""
    DESTROYS = "destroys data"
    """Refused unless `slipway:allow` names what is destroyed; a snapshot is taken first."""
    REFUSED = "refused"
    """It cannot be changed on a stack that serves; the detail has the steps that lead there."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of a change of one key: its kind and, where the kind does not say it all, the detail.

    For `DESTROYS` and `REFUSED` the detail is also what the program's error message says: RULE; REMEDY.
    """

    kind: Kind
    detail: str = ""

    def __str__(self) -> str:
        """Return the text for the reference of keys."""
        return f"{self.kind}: {self.detail}" if self.detail else str(self.kind)


IN_PLACE = Effect(Kind.IN_PLACE)
RELEASE = Effect(Kind.RELEASE)
ROLLING = Effect(Kind.IN_PLACE, "the tasks are replaced by a rolling deployment")
DELIVERY = Effect(
    Kind.IN_PLACE,
    "nothing that serves is touched; `pulumi up` does not change the pipeline while an execution is in progress, which "
    "AWS would make fail",
)
BUILDS = Effect(Kind.IN_PLACE, "builds that start from then on")
CIDR = Effect(
    Kind.REFUSED,
    "a VPC keeps its address range, and the load balancer would be deleted before its successor stands; "
    "create a stack of another name with this range, move the data and the traffic there, then destroy "
    "this one",
)
ZONE_NAMES = Effect(
    Kind.IN_PLACE,
    "added or removed at the end, as by `zones`; refused where a subnet that stands would move to another zone",
)
NAT = Effect(Kind.IN_PLACE, "connections that tasks have open to the internet are cut")
CERTIFICATE = Effect(
    Kind.IN_PLACE,
    "HTTPS on: requests by HTTP are served until HTTPS is, then redirected (301); off: they are redirected until HTTP "
    "serves again; clients that use HTTPS, or remember the redirect as browsers do, lose their port",
)
PRIORITY = Effect(Kind.IN_PLACE, "priorities that services exchange are set in one request")
HEALTH_PATH = Effect(
    Kind.REFUSED,
    "every task would be replaced for ever, unless what runs answers it as expected; release an image that answers "
    "both paths, then change this key",
)
HEALTH_STATUS = Effect(
    Kind.REFUSED,
    "every task would be replaced for ever, unless the health path answers with such a status now; release an image "
    "that does, then change this key",
)
PORT = Effect(
    Kind.RELEASE,
    "the load balancer's port moves with the release; the former one stays open to the load balancer, so that a "
    "rollback can serve",
)
AUTOSCALING = Effect(Kind.IN_PLACE, "off: the number of tasks becomes `desired_count`")
DATABASE_ACCESS = Effect(
    Kind.RELEASE,
    "off: the tasks that run keep their access until the first `pulumi up` after it",
)
ENGINE_VERSION = Effect(
    Kind.REPLACES,
    "a minor version: the database restarts and is away for a minute or more, with multi_az for the time of a "
    "failover; a later major version: refused unless `slipway:allow` names instance and version; a snapshot is taken "
    "first, and the database is away for the upgrade; an earlier one is refused",
)
RESTART = Effect(
    Kind.REPLACES,
    "the database restarts, at once or with `apply_immediately: false` in its maintenance window, and is away for a "
    "minute or more; with multi_az for the time of a failover",
)
STORAGE = Effect(
    Kind.IN_PLACE,
    "RDS cannot shrink storage; less is refused, unless `max_storage` is set: what RDS added is then left alone",
)
MAX_STORAGE = Effect(Kind.IN_PLACE, "absent again: `storage` must be what stands")
WINDOW = Effect(Kind.IN_PLACE, "a pending change that waits for the window may restart the database if it begins now")
RESTORE = Effect(Kind.IN_PLACE, "used when the database is created, of no effect later")
BACKUP_DAYS = Effect(Kind.IN_PLACE, "from and to 0 the database restarts")
DATABASE_NAME = Effect(Kind.DESTROYS, "RDS cannot rename a database, so the instance is replaced by an empty one")
DATABASE_USER = Effect(
    Kind.DESTROYS,
    "RDS cannot rename the master user, so the instance is replaced by an empty one",
)
CANARY = Effect(
    Kind.IN_PLACE,
    "on and off: the tasks are replaced; off: refused while the alternate target group serves; both are refused while "
    "a deployment is under way; a service that is created with it answers 503 until its first tasks are healthy",
)
SERVICES = Effect(
    Kind.IN_PLACE,
    "one that is added or renamed receives requests once it serves; one that is removed is off the load balancer "
    "before its tasks stop, and is refused while another stack runs its images",
)
DATABASE = Effect(Kind.DESTROYS, "removed: the instance and its automated backups are deleted")
RETENTION = Effect(Kind.IN_PLACE, "events older than this are deleted")
LOGS = Effect(Kind.IN_PLACE, "fewer days: what is older is deleted; absent again: all of these logs are")
SECRET_KEYS = Effect(Kind.IN_PLACE, "removed: tasks that start from then on cannot read what the key encrypts")
TOPIC_KEY = Effect(Kind.IN_PLACE, "applies to messages that are published from then on")
ROLLOUT = Effect(
    Kind.REPLACES,
    "from `pipeline` to `pulumi`: what runs, by an image of the working tree; back: nothing",
)


def of(field: FieldInfo) -> Effect:
    """Return the effect that a field of a section declares in its annotation.

    Raises:
        LookupError: it declares none, or more than one.
    """
    found = [one for one in field.metadata if isinstance(one, Effect)]
    if len(found) != 1:
        raise LookupError(f"a field declares {len(found)} effects; annotate it with one of infra.config.effects")
    return found[0]


def at(root: type[BaseModel], location: Location) -> Effect:
    """Return the effect of the key at a location; that of an entry of a map is the map's.

    Raises:
        LookupError: there is no such key.
    """
    for end in range(len(location), 0, -1):
        section = model_at(root, location[: end - 1])
        if section and location[end - 1] in section.model_fields:
            return of(section.model_fields[str(location[end - 1])])
    raise LookupError(f"there is no key {location}")
