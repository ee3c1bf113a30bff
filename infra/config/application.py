"""What a service's keys leave to the application: values of its Dockerfile and its environment file."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import dotenv

from contract import containers, dockerfile
from infra.build_context import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contract.facts import Service as Facts
    from infra.config.environment import Service

DATABASE_FIELDS = {
    "host": containers.DATABASE_HOST,
    "port": containers.DATABASE_PORT,
    "name": containers.DATABASE_NAME,
    "user": containers.DATABASE_USER,
    "password": containers.DATABASE_PASSWORD,
}
"""The placeholders of `database_variables` and the environment variables that they stand for."""
# Percent-encodes its argument (RFC 3986, unreserved characters are left), with nothing but a POSIX shell.
ENCODE = (
    'encode() { v=$1; while [ "$v" ]; do r=${v#?}; c=${v%"$r"}; case $c in [A-Za-z0-9._~-]) printf %s "$c";; '
    '*) printf %%%02X "\'$c";; esac; v=$r; done; }; '
)


def complete(service: Service, *, is_up: bool, facts: Facts | None) -> Service:
    """Return a service with the values that its keys leave to the application.

    Args:
        service: a valid section.
        is_up: whether the service has been stable.
        facts: what it recorded then. It keeps the port and the writable directories that it was created with, whatever
            the Dockerfile says now.

    Returns:
        The section with `target`, `port`, `writable` and `environment` set, and with `database_variables` also
        `entry_point` and `command`.
    """
    declared = _dockerfile(service)
    target = service.target if service.target is not None else declared.default_target()
    values: dict[str, object] = {
        "target": target,
        "port": service.port or (facts.port if facts else _exposed(declared, target)),
        "writable": service.writable if service.writable is not None else _writable(facts, is_up=is_up),
        "environment": {**environment_file(service), **service.environment},
    }
    if service.database_variables:
        values["entry_point"] = ("/bin/sh", "-c", _script(service.database_variables), "sh")
        values["command"] = tuple(words(service) or ())
    return service.model_copy(update=values)


def words(service: Service) -> list[str] | None:
    """Return the command line of a service's container, None if only its base image has one."""
    declared = _dockerfile(service)
    stage = declared.stage(service.target if service.target is not None else declared.default_target())
    entry_point = service.entry_point if service.entry_point is not None else (stage.entry_point if stage else None)
    # As with Docker, another entry point does not get the image's command.
    own = stage.command if stage and service.entry_point is None else None
    command = service.command if service.command is not None else own
    return [*(entry_point or []), *(command or [])] if entry_point or command else None


def environment_file(service: Service) -> dict[str, str]:
    """Return the variables of a service's `env_file`, without expanding references among them.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not UTF-8.
    """
    if not service.env_file:
        return {}
    with (ROOT / service.env_file).open(encoding="utf-8") as stream:
        return {key: value or "" for key, value in dotenv.dotenv_values(stream=stream, interpolate=False).items()}


def _dockerfile(service: Service) -> dockerfile.Dockerfile:
    found = dockerfile.read(ROOT / service.context / service.dockerfile, service.build_args)
    return found or dockerfile.Dockerfile((dockerfile.Stage("", ""),))


def _exposed(declared: dockerfile.Dockerfile, target: str) -> int:
    """Return the one port that a stage exposes, else the default port."""
    stage = declared.stage(target)
    return stage.ports[0] if stage and len(stage.ports) == 1 else containers.DEFAULT_PORT


def _writable(facts: Facts | None, *, is_up: bool) -> tuple[str, ...]:
    if facts:
        return tuple(facts.writable)
    return () if is_up else containers.WRITABLE


def _script(variables: Mapping[str, str]) -> str:
    """Return the shell script that sets variables from templates and runs its arguments.

    The password is read from the container's environment: it is neither in the task definition nor in Pulumi's state.
    """
    exports = (f"export {name}={_value(template)}; " for name, template in sorted(variables.items()))
    return f'{ENCODE}{"".join(exports)}exec "$@"'


def _value(template: str) -> str:
    """Return a template as a word of a shell script: literal text is quoted, placeholders are percent-encoded."""
    result, rest = "", template
    while rest:
        literal, opening, rest = rest.partition("{")
        result += shlex.quote(literal) if literal else ""
        if opening:
            field, _, rest = rest.partition("}")
            result += f'"$(encode "${DATABASE_FIELDS[field]}")"'
    return result or "''"
