"""Rules for services that their fields cannot express. They read build contexts, but no AWS API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from contract import containers, dockerfile
from contract.images import COMMIT
from contract.names import TEMPLATE_SUFFIX
from infra.aws import names
from infra.build_context import ROOT
from infra.config import application, canary_rules, context_rules, route_rules
from infra.config.errors import Location, Problem, display_value, suggestion

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping
    from pathlib import Path

    from infra.config.environment import Environment, HealthCheck, Service

# Fargate task sizes: memory in MiB by CPU units (Amazon ECS Developer Guide, "Task size").
FARGATE = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}
# Names that would be taken twice: tests/stack/test_service_names.py computes them from the resources of all stacks.
RESERVED_NAMES = {"balancer": "the load balancer's alarms"}
RESERVED_SUFFIXES = {
    TEMPLATE_SUFFIX: "a task definition family, the template",
    "-balancer": "the load balancer's security group rule",
}
# ELBv2 CreateTargetGroup, HealthCheckPath.
MAX_PATH = 1024
NOT_IN_A_PATH = re.compile(r"[^!-~]|#")
RESERVED_VARIABLES = (containers.PORT, *containers.OF_A_RELEASE)
RESERVED_BUILD_ARGS = {
    COMMIT: "the pipeline sets this build argument to the commit",
    "PATH": "bin/test gets the build arguments as environment variables and would find no program",
}
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def check(environment: Environment, stack: str) -> Iterator[Problem]:
    """Yield the problems of an environment's services.

    Args:
        environment: the section `slipway:environment`.
        stack: the stack's name.
    """
    for name, service in environment.services.items():
        location: Location = ("environment", "services", name)
        yield from _name(location, name, stack, environment.services)
        yield from _size(location, service)
        yield from _health((*location, "health_check"), service.health_check)
        yield from _requested_paths(location, service)
        yield from _scaling((*location, "autoscaling"), service)
        yield from canary_rules.check(environment, stack, name)
        yield from _variables(location, service, has_database=environment.database is not None)
        yield from _database_variables(location, service, has_database=environment.database is not None)
        yield from _keys(location, service)
        yield from _file_system(location, service)
        yield from _env_file(location, service, has_database=environment.database is not None)
        yield from _suites(location, service)
        yield from _context(location, service)
    routes = [*route_rules.problems(environment), *_routes(environment)]
    yield from routes or _versions(environment)


def _name(location: Location, name: str, stack: str, services: Container[str]) -> Iterator[Problem]:
    """Check that a service's name is short enough, and that nothing else in the stack gets a name made of it."""
    if problem := names.length_problem(stack, name):
        yield Problem(location, f"is too long a name; {problem}; shorten it", invalidates=False)
    if owner := RESERVED_NAMES.get(name):
        yield Problem(location, f"is the name of {owner}; rename the service", invalidates=False)
    for suffix, owner in RESERVED_SUFFIXES.items():
        if (other := name.removesuffix(suffix)) != name and other in services:
            yield Problem(location, f"is the name of {owner} of service {other}; rename the service", invalidates=False)


def _size(location: Location, service: Service) -> Iterator[Problem]:
    cpu = (*location, "cpu")
    if service.cpu not in FARGATE:
        yield Problem.invalid(cpu, service.cpu, f"Fargate allows {comma_separated(FARGATE)}; choose one")
    elif service.memory not in FARGATE[service.cpu]:
        rule = f"with cpu {service.cpu} Fargate allows {comma_separated(FARGATE[service.cpu])}; choose one"
        yield Problem.invalid((*location, "memory"), service.memory, rule, depends_on=(cpu,))


def _health(location: Location, check: HealthCheck) -> Iterator[Problem]:
    if check.timeout >= check.interval:
        rule = f"it must be less than interval ({check.interval}); lower it"
        yield Problem.invalid((*location, "timeout"), check.timeout, rule, depends_on=((*location, "interval"),))


def _requested_paths(location: Location, service: Service) -> Iterator[Problem]:
    """Check the paths that the load balancer and the pipeline request."""
    paths: dict[Location, str | None] = {
        ("health_check", "path"): service.health_check.path,
        ("version_path",): service.version_path,
        **{("checks", index, "path"): check.path for index, check in enumerate(service.checks)},
    }
    for key, path in paths.items():
        if path and len(path) > MAX_PATH:
            rule = f"it has {len(path)} characters and a path at most {MAX_PATH}; shorten it"
            yield Problem.invalid((*location, *key), path, rule)
        elif path and (wrong := NOT_IN_A_PATH.search(path)):
            rule = f"{display_value((), wrong[0])} cannot be in a request's path; percent-encode or remove it"
            yield Problem.invalid((*location, *key), path, rule)


def _scaling(location: Location, service: Service) -> Iterator[Problem]:
    scaling = service.autoscaling
    if scaling and scaling.minimum > scaling.maximum:
        rule = f"it must not exceed maximum ({scaling.maximum}); lower it"
        yield Problem.invalid((*location, "minimum"), scaling.minimum, rule, depends_on=((*location, "maximum"),))


def _variables(location: Location, service: Service, *, has_database: bool) -> Iterator[Problem]:
    database = containers.OF_THE_DATABASE if has_database and service.database else ()
    kinds: dict[str, Mapping[str, object]] = {
        "environment": service.environment,
        "secrets": service.secrets,
        "database_variables": service.database_variables,
        "build_args": service.build_args,
    }
    for kind, variables in kinds.items():
        for name in variables:
            variable: Location = (*location, kind, name)
            if not VARIABLE.fullmatch(name):
                rule = "is not a valid variable name; use letters, digits and underscores; rename it"
                yield Problem(variable, rule, invalidates=False)
            elif kind != "build_args" and name in (*RESERVED_VARIABLES, *database):
                depends_on: tuple[Location, ...] = (("environment", "database"), (*location, "database"))
                rule = "is reserved; Slipway sets this variable; remove it"
                yield Problem(variable, rule, () if name in RESERVED_VARIABLES else depends_on)
            elif kind == "build_args" and name in RESERVED_BUILD_ARGS:
                yield Problem(variable, f"is reserved; {RESERVED_BUILD_ARGS[name]}; rename or remove it")
    for first, second in (
        ("environment", "secrets"),
        ("environment", "database_variables"),
        ("secrets", "database_variables"),
    ):
        for name in sorted(kinds[first].keys() & kinds[second].keys()):
            rule = f"is set under {first} too; a variable has one value; remove one"
            yield Problem((*location, second, name), rule)


def _keys(location: Location, service: Service) -> Iterator[Problem]:
    if service.kms_keys and not service.secrets:
        rule = "is set although the service names no secrets; remove it"
        yield Problem((*location, "kms_keys"), rule, ((*location, "secrets"),))


def _database_variables(location: Location, service: Service, *, has_database: bool) -> Iterator[Problem]:
    """Check that variables made of the database's address have known placeholders, and a database."""
    variables: Location = (*location, "database_variables")
    if service.database_variables and not (has_database and service.database):
        rule = "needs a database; add slipway:environment.database, or remove database: false"
        yield Problem(variables, rule, (("environment", "database"), (*location, "database")))
    for name, template in service.database_variables.items():
        known = comma_separated(f"{{{field}}}" for field in application.DATABASE_FIELDS)
        unknown = [field for field in PLACEHOLDER.findall(template) if field not in application.DATABASE_FIELDS]
        if unknown or re.search(r"[{}]", PLACEHOLDER.sub("", template)):
            yield Problem.invalid((*variables, name), template, f"the placeholders are {known}; correct it")


def _file_system(location: Location, service: Service) -> Iterator[Problem]:
    """Check the directories that the container may write to."""
    for index, path in enumerate(service.writable or ()):
        if not re.fullmatch(r"(/[^/\0:]+)+", path) or {".", ".."} & set(path.split("/")):
            rule = "it must be an absolute path without a trailing slash, and not /; correct it"
            yield Problem.invalid((*location, "writable", index), path, rule)
    if service.writable and not service.read_only:
        rule = "is set although nothing is read-only with read_only: false; remove one"
        yield Problem((*location, "writable"), rule, ((*location, "read_only"),))


def _env_file(location: Location, service: Service, *, has_database: bool) -> Iterator[Problem]:
    """Check that the environment file can be read, and sets no variable that something else sets.

    ECS refuses a secret with the name of an environment variable (RegisterTaskDefinition).
    """
    key: Location = (*location, "env_file")
    reserved = (*RESERVED_VARIABLES, *(containers.OF_THE_DATABASE if has_database and service.database else ()))
    try:
        names = list(application.environment_file(service))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        yield Problem.invalid(key, service.env_file, f"it cannot be read ({reason}); correct it")
        return
    for name in names:
        wrong = "no variable name" if not VARIABLE.fullmatch(name) else "reserved" if name in reserved else ""
        for other in ("secrets", "database_variables"):
            wrong = wrong or (f"set under {other} too" if name in getattr(service, other) else "")
        if wrong:
            rule = f"it sets {name!r}, which is {wrong}; remove that line"
            yield Problem.invalid(key, service.env_file, rule)


def _suites(location: Location, service: Service) -> Iterator[Problem]:
    """Check that a test suite runs in one image, and says what it runs."""
    for key, suite in (("tests", service.tests), ("acceptance", service.acceptance)):
        if suite and suite.target and suite.image:
            yield Problem((*location, key), "has both target and image; a suite runs in one; remove one")
        elif suite and not (suite.target or suite.image or suite.command):
            yield Problem((*location, key), "says nothing to run; set command, target or image")


def _context(location: Location, service: Service) -> Iterator[Problem]:
    """Check that the build context is in the project, that the pipeline gets all of it, and that it can be built."""
    context: Location = (*location, "context")
    if reason := context_rules.problem(ROOT, service.context, service.dockerfile):
        yield Problem.invalid(context, service.context, reason)
        return
    try:
        yield from _dockerfile(location, service, (ROOT / service.context).resolve(), context)
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        yield Problem.invalid(context, service.context, f"it cannot be read ({reason}); correct the path or its mode")


def _dockerfile(location: Location, service: Service, folder: Path, context: Location) -> Iterator[Problem]:
    """Check that the Dockerfile exists and has the stages that keys name."""
    path = (folder / service.dockerfile).resolve()
    location_of_dockerfile: Location = (*location, "dockerfile")
    if folder not in path.parents or not path.is_file():
        yield Problem.invalid(
            location_of_dockerfile, service.dockerfile, f"{service.context} has no such file; correct it", (context,)
        )
        return
    declared = dockerfile.read(path, service.build_args)
    names = declared.names if declared else []
    for key, target in (
        (("target",), service.target),
        (("tests", "target"), service.tests and service.tests.target),
        (("acceptance", "target"), service.acceptance and service.acceptance.target),
    ):
        if target and target.lower() not in names:
            rule = f"{service.dockerfile} has no such build stage, only {', '.join(names) or 'unnamed ones'}"
            remedy = f"{suggestion(target, names)}set one of its stages, or remove the key"
            yield Problem.invalid((*location, *key), target, f"{rule}; {remedy}", (context, location_of_dockerfile))
    if service.database_variables and not application.words(service):
        rule = f"needs the container's command, and {service.dockerfile} leaves it to its base image; set command"
        yield Problem((*location, "database_variables"), rule, (context, location_of_dockerfile))


def _routes(environment: Environment) -> Iterator[Problem]:
    paths: dict[str, Location] = {}
    priorities: dict[int, Location] = {}
    for name, service in environment.services.items():
        location: Location = ("environment", "services", name, "route")
        priority: Location = (*location, "priority")
        first = priorities.setdefault(service.route.priority, priority)
        if first != priority:
            rule = f"service {first[2]} has the same priority; set another"
            yield Problem.invalid(priority, service.route.priority, rule, (first,))
        for index, path in enumerate(service.route.paths):
            pattern: Location = (*location, "paths", index)
            first = paths.setdefault(path, pattern)
            if first != pattern:
                yield Problem.invalid(
                    pattern, path, f"service {first[2]} has the same path pattern; set another", (first,)
                )


def _versions(environment: Environment) -> Iterator[Problem]:
    """Check that the load balancer routes requests for a service's version to that service."""
    by_priority = sorted(environment.services.items(), key=lambda pair: pair[1].route.priority)
    depends_on = tuple(key for name, service in by_priority for key in _route_keys(name, service))
    for name, service in environment.services.items():
        if problem := route_rules.wildcard_problem(name, service):
            yield problem
            continue
        if not (path := service.effective_version_path):
            continue
        if (other := receiver(environment, path)) != name:
            rule = f"{f'service {other}' if other else 'no service'} receives this path; set one of its own route"
            yield Problem.invalid(("environment", "services", name, "version_path"), path, rule, depends_on)


def receiver(environment: Environment, path: str) -> str | None:
    """Return the service whose listener rule the load balancer follows for a path, None if there is none."""
    by_priority = sorted(environment.services.items(), key=lambda pair: pair[1].route.priority)
    return next((name for name, one in by_priority if any(_matches(path, p) for p in one.route.paths)), None)


def _route_keys(name: str, service: Service) -> Iterator[Location]:
    location: Location = ("environment", "services", name, "route")
    yield (*location, "priority")
    yield from ((*location, "paths", index) for index in range(len(service.route.paths)))


def _matches(path: str, pattern: str) -> bool:
    """Return whether a path pattern of a listener rule matches: `*` is any number of characters, `?` is one."""
    wildcards = {"*": ".*", "?": "."}
    return bool(re.fullmatch("".join(wildcards.get(character, re.escape(character)) for character in pattern), path))


def comma_separated(values: Iterable[object]) -> str:
    """Return values for a message: `256, 512, 1024`."""
    return ", ".join(str(value) for value in values)
