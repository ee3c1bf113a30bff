"""What an application needs, read from its Dockerfile and, if there is one, its Compose file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from contract import containers, dockerfile
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
URL_PATH = re.compile(r"https?://[^/\s\"']+(/[^\s\"'|;)]*)")
HEALTHCHECK = re.compile(r"^\s*HEALTHCHECK\b((?:.*\\\n)*.*)$", re.IGNORECASE | re.MULTILINE)
DATABASE_URL = re.compile(r"(postgres(?:ql)?(?:\+\w+)?)://[^?]*(\?.*)?")
ADDRESS = "{user}:{password}@{host}:{port}/{name}"
SET_BY_SLIPWAY = {containers.PORT, *containers.OF_A_RELEASE, *containers.OF_THE_DATABASE}
POSTGRES = re.compile(r"(?:^|/)(?:postgres|postgis|postgresql)(?::|$)")


@dataclass(kw_only=True)
class Application:
    """What an application needs; `found` says from where, `warnings` what it does not get."""

    name: str
    context: str
    dockerfile: str = "Dockerfile"
    target: str = ""
    port: int = containers.DEFAULT_PORT
    health_path: str = "/"
    health_status: str = "200-399"
    database: bool = False
    database_variables: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    guessed: set[str] = field(default_factory=set)
    """The values that neither file has: `port`, `health_path`."""


def read(root: Path, context: str, *, name: str = "", file: str = "Dockerfile") -> Application:
    """Return what an application needs.

    Args:
        root: the project's folder.
        context: folder of the Docker build context, relative to it.
        name: of the service; empty for that of the folder.
        file: path of the Dockerfile, relative to the context.

    Raises:
        DeliveryError: the folder has no Dockerfile, or a file cannot be read.
    """
    folder = (root / context).resolve()
    if root.resolve() not in folder.parents:
        raise DeliveryError(f"{context} is not a folder below {root}; the pipeline builds what is in the repository")
    path = folder / file
    try:
        text = path.read_text("utf-8", "replace")
    except OSError as error:
        raise DeliveryError(f"{path}: {error.strerror}; an application needs a Dockerfile: name its folder") from error
    declared = dockerfile.parse(text, {})
    if declared is None:
        raise DeliveryError(f"{path} has no FROM; it is no Dockerfile")
    of = Application(name=name or _name(folder.name), context=folder.relative_to(root.resolve()).as_posix())
    of.dockerfile, of.target = file, declared.default_target()
    _read_dockerfile(of, text, declared)
    if compose := next((folder / each for each in COMPOSE if (folder / each).is_file()), None):
        _read_compose(of, compose)
    return of


def _name(folder: str) -> str:
    """Return a service's name for a folder: lower-case letters, digits and single hyphens."""
    name = re.sub(r"[^a-z0-9]+", "-", folder.lower()).strip("-")
    return name if name[:1].isalpha() else f"app-{name}".strip("-")


def _read_dockerfile(of: Application, text: str, declared: dockerfile.Dockerfile) -> None:
    stage = declared.stage(of.target) or declared.stages[-1]
    of.found.append(f"build stage: {of.target or stage.name or 'the last one'} ({of.dockerfile})")
    if len(stage.ports) == 1:
        of.port = stage.ports[0]
        of.found.append(f"port: {of.port} (EXPOSE)")
    else:
        of.guessed.add("port")
    if path := _health_path("\n".join(HEALTHCHECK.findall(text))):
        of.health_path, of.health_status = path, "200"
        of.found.append(f"health check: {path} (HEALTHCHECK)")
    else:
        of.guessed.add("health_path")
    if not stage.user:
        of.warnings.append("the image names no USER, so it may run as root; set USER in the Dockerfile")


def _health_path(text: str) -> str:
    match = URL_PATH.search(text)
    return match[1] if match else ""


def _read_compose(of: Application, path: Path) -> None:
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
        services: dict[str, dict[str, Any]] = dict(document["services"])
    except (OSError, ValueError, yaml.YAMLError, TypeError, LookupError) as error:
        reason = " ".join(str(error).split())
        of.warnings.append(f"{path.name} is not read ({reason})")
        return
    own = [service for service in services.values() if isinstance(service, dict) and "build" in service]
    for name, service in services.items():
        image = str(service.get("image", "")) if isinstance(service, dict) else ""
        if POSTGRES.search(image.partition("@")[0]):
            of.database = True
            of.found.append(f"database: PostgreSQL ({path.name}: {name})")
        elif image:
            of.warnings.append(f"{path.name} runs {name} ({image}), which Slipway does not; set its address by hand")
    if len(own) != 1:
        of.warnings.append(f"{path.name} builds {len(own)} services; only the Dockerfile is read for this one")
        return
    _read_own(of, path.name, own[0], set(services))


def _read_own(of: Application, file: str, service: dict[str, Any], names: set[str]) -> None:
    """Read the Compose service that builds the application."""
    if "port" in of.guessed and (port := _container_port(service.get("ports"))):
        of.port = port
        of.guessed.discard("port")
        of.found.append(f"port: {port} ({file})")
    test = service.get("healthcheck", {}).get("test", "") if isinstance(service.get("healthcheck"), dict) else ""
    if "health_path" in of.guessed and (path := _health_path(" ".join(test) if isinstance(test, list) else str(test))):
        of.health_path, of.health_status = path, "200"
        of.guessed.discard("health_path")
        of.found.append(f"health check: {path} ({file})")
    for key, value in _variables(service.get("environment")):
        if (url := DATABASE_URL.fullmatch(value)) and of.database:
            of.database_variables[key] = f"{url[1]}://{ADDRESS}{url[2] or ''}"
            of.found.append(f"variable: {key}, made of the database's address ({file})")
        elif "$" in value or any(re.search(rf"\b{re.escape(name)}\b", value) for name in names):
            of.warnings.append(f"{key} of {file} is left out: its value belongs to Compose; set it under environment")
        elif key not in SET_BY_SLIPWAY:
            of.environment[key] = value


def _container_port(ports: object) -> int:
    """Return the container's port of the one port that a Compose service publishes, 0 without one."""
    rows = ports if isinstance(ports, list) else []
    if len(rows) != 1:
        return 0
    text = str(rows[0].get("target", "") if isinstance(rows[0], dict) else rows[0]).rpartition(":")[2]
    number = text.partition("/")[0]
    return int(number) if number.isdigit() else 0


def _variables(environment: object) -> Iterator[tuple[str, str]]:
    """Yield the variables of a Compose service, a map or a list of `KEY=value`."""
    if isinstance(environment, dict):
        yield from ((str(key), str(value)) for key, value in environment.items() if value is not None)
    elif isinstance(environment, list):
        yield from ((key, value) for key, given, value in (str(row).partition("=") for row in environment) if given)
