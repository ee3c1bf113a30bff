"""Rules of a service's configuration that look at more than one value. Pure, but for looking at build contexts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from contract import containers
from contract.names import TEMPLATE_SUFFIX
from infra import build_context
from infra.aws import names
from infra.build_context import ROOT
from infra.config.errors import Location, Mistake, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from infra.config.environment import Environment, HealthCheck, Service

# Fargate's sizes: cpu to the memory sold with it, in MiB (ECS documentation, "Task size").
FARGATE = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}
SET_BY_US = (containers.PORT, *containers.OF_A_RELEASE)
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
STAGE = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*\S+(?:\s+AS\s+(\S+))?\s*$", re.IGNORECASE | re.MULTILINE)


def check(environment: Environment, stack: str) -> Iterator[Mistake]:
    """Yield every mistake of the services that takes more than one value to see."""
    for name, service in environment.services.items():
        where: Location = ("environment", "services", name)
        if problem := names.over_budget(stack, name):
            yield Mistake(where, f"is too long a name; {problem}; shorten it", spoils=False)
        if (other := name.removesuffix(TEMPLATE_SUFFIX)) != name and other in environment.services:
            rule = f"has the name of the template of service {other}, by which its releases are made; rename it"
            yield Mistake(where, rule, spoils=False)
        yield from _size(where, service)
        yield from _health((*where, "health_check"), service.health_check)
        yield from _scaling((*where, "autoscaling"), service)
        yield from _variables(where, service, has_database=environment.database is not None)
        yield from _context(where, service)
    routes = list(_routes(environment))
    yield from routes or _versions(environment)


def _size(where: Location, service: Service) -> Iterator[Mistake]:
    cpu = (*where, "cpu")
    if service.cpu not in FARGATE:
        yield Mistake.value(cpu, service.cpu, f"Fargate allows {listed(FARGATE)}; choose one")
    elif service.memory not in FARGATE[service.cpu]:
        rule = f"with cpu {service.cpu} Fargate allows {listed(FARGATE[service.cpu])}; choose one"
        yield Mistake.value((*where, "memory"), service.memory, rule, needs=(cpu,))


def _health(where: Location, check: HealthCheck) -> Iterator[Mistake]:
    if check.timeout >= check.interval:
        rule = f"it must be below interval, {check.interval}; lower it"
        yield Mistake.value((*where, "timeout"), check.timeout, rule, needs=((*where, "interval"),))


def _scaling(where: Location, service: Service) -> Iterator[Mistake]:
    scaling = service.autoscaling
    if scaling and scaling.minimum > scaling.maximum:
        rule = f"it is above maximum, {scaling.maximum}; lower it"
        yield Mistake.value((*where, "minimum"), scaling.minimum, rule, needs=((*where, "maximum"),))


def _variables(where: Location, service: Service, *, has_database: bool) -> Iterator[Mistake]:
    reserved = has_database and service.database
    kinds = {"environment": service.environment, "secrets": service.secrets, "build_args": service.build_args}
    for kind, variables in kinds.items():
        for name in variables:
            place: Location = (*where, kind, name)
            if not VARIABLE.fullmatch(name):
                yield Mistake(place, "is no variable's name; it has letters, digits and _; rename it", spoils=False)
            elif kind != "build_args" and (name in SET_BY_US or (reserved and name.startswith("DATABASE_"))):
                needs: tuple[Location, ...] = (("environment", "database"), (*where, "database"))
                rule = "is set by the program; it would be overwritten; remove it"
                yield Mistake(place, rule, () if name in SET_BY_US else needs)
    for name in service.environment.keys() & service.secrets.keys():
        yield Mistake((*where, "secrets", name), "is under environment too; a variable has one value; remove one")


def _context(where: Location, service: Service) -> Iterator[Mistake]:
    """Look for a folder inside the project, a Dockerfile in it, and the stage to build in that."""
    context: Location = (*where, "context")
    try:
        folder = (ROOT / service.context).resolve()
        if ROOT not in folder.parents:
            rule = "the pipeline builds from the commit alone; name a folder below that of Pulumi.yaml"
            yield Mistake.value(context, service.context, rule)
        elif not folder.is_dir() or not any(build_context.context_files(folder)):
            rule = "there is no file to build an image from; name a folder below that of Pulumi.yaml"
            yield Mistake.value(context, service.context, rule)
        else:
            yield from _dockerfile(where, service, folder, context)
    except (OSError, ValueError, RuntimeError, re.error) as error:
        reason = " ".join(str(error).split())
        yield Mistake.value(context, service.context, f"it cannot be read ({reason}); correct the name or the folder")


def _dockerfile(where: Location, service: Service, folder: Path, context: Location) -> Iterator[Mistake]:
    path = (folder / service.dockerfile).resolve()
    place: Location = (*where, "dockerfile")
    if folder not in path.parents or not path.is_file():
        yield Mistake.value(place, service.dockerfile, f"{service.context} has no such file; name it", (context,))
        return
    stages = STAGE.findall(path.read_text("utf-8", "replace"))
    named = [name.lower() for name in stages if name]
    if service.target.lower() not in named:
        rule = f"{service.dockerfile} has no such stage, it has {', '.join(named) or 'none with a name'}"
        remedy = f"{nearest(service.target, named)}name one of its stages"
        yield Mistake.value((*where, "target"), service.target, f"{rule}; {remedy}", (context, place))


def _routes(environment: Environment) -> Iterator[Mistake]:
    paths: dict[str, Location] = {}
    priorities: dict[int, Location] = {}
    for name, service in environment.services.items():
        where: Location = ("environment", "services", name, "route")
        priority: Location = (*where, "priority")
        first = priorities.setdefault(service.route.priority, priority)
        if first != priority:
            rule = f"service {first[2]} has this priority; give each service its own"
            yield Mistake.value(priority, service.route.priority, rule, (first,))
        for index, path in enumerate(service.route.paths):
            place: Location = (*where, "paths", index)
            first = paths.setdefault(path, place)
            if first != place:
                yield Mistake.value(place, path, f"service {first[2]} has this route; use another", (first,))


def _versions(environment: Environment) -> Iterator[Mistake]:
    """Each service is asked for its version by requests that it gets itself, not another one."""
    asked = sorted(environment.services.items(), key=lambda pair: pair[1].route.priority)
    needs = tuple(place for name, service in asked for place in _route_places(name, service))
    for name, service in environment.services.items():
        path = service.tells_version_at
        gets = next((each for each, one in asked if any(_fits(path, held) for held in one.route.paths)), None)
        if gets != name:
            rule = f"{f'service {gets}' if gets else 'no service'} gets these requests; name a path of its own route"
            yield Mistake.value(("environment", "services", name, "version_path"), path, rule, needs)


def _route_places(name: str, service: Service) -> Iterator[Location]:
    where: Location = ("environment", "services", name, "route")
    yield (*where, "priority")
    yield from ((*where, "paths", index) for index in range(len(service.route.paths)))


def _fits(path: str, pattern: str) -> bool:
    """Tell whether a load balancer's path pattern takes a path: `*` is any characters, `?` is one."""
    parts = {"*": ".*", "?": "."}
    return bool(re.fullmatch("".join(parts.get(one, re.escape(one)) for one in pattern), path))


def listed(values: Iterable[object]) -> str:
    """Return values as a message lists them: `256, 512, 1024`."""
    return ", ".join(str(value) for value in values)
