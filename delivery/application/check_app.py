"""Check-app: the trial run of an application, with the keys of its stack file where there is one."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dotenv

from contract import containers, facts
from delivery.application import reading, stack_files
from delivery.application.trial_run import Container, TrialRun
from delivery.console import paint
from delivery.errors import DeliveryError
from delivery.release import file_modes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delivery.application.reading import Application
    from delivery.console import Say


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What is checked: a build context, and where several stack files have it, the stack and the service."""

    context: str
    dockerfile: str
    stack: str
    service: str
    database: bool


def run(root: Path, subject: Subject, say: Say) -> int:
    """Run the image as Fargate would and print what would fail.

    Returns:
        0 if nothing would fail, else 1.

    Raises:
        DeliveryError: the application cannot be read or built, or Docker does not work.
    """
    stack, keys = _keys(root, subject)
    if stack and (wrong := stack_files.problems(root, [f"Pulumi.{stack}.yaml"])):
        raise DeliveryError(f"correct the stack file first:\n{wrong}")
    of = reading.read(root, subject.context, name=subject.service, file=keys.get("dockerfile", subject.dockerfile))
    if not stack and (wrong := stack_files.context_problem(root, of.context, of.dockerfile)):
        raise DeliveryError(f"correct the build context first: {wrong}")
    say(f"{of.context}: {f'with the keys of Pulumi.{stack}.yaml' if stack else 'with defaults; no stack file has it'}")
    with _with_settled_modes(root, of.context) as source:
        trial = TrialRun(container=_container(root, of, keys, database=subject.database), root=source, say=say)
        trial.run()
    for warning in trial.warnings:
        print(f"{paint('warning', 'yellow')}: {warning}")
    for failure in trial.failures:
        print(f"{paint('would fail', 'red')}: {failure}")
    if not trial.failures:
        print(paint(f"{of.context} runs as it has to on Fargate", "green"))
    return int(bool(trial.failures))


@contextmanager
def _with_settled_modes(root: Path, context: str) -> Iterator[Path]:
    """Copy a build context, give its files the modes that the pipeline's builds do, and yield the copy's root."""
    with tempfile.TemporaryDirectory(prefix="slipway-check-") as folder:
        copy = Path(folder) / context
        shutil.copytree(root / context, copy, symlinks=True, ignore=shutil.ignore_patterns(file_modes.GIT))
        file_modes.settle(copy)
        yield Path(folder)


def _keys(root: Path, subject: Subject) -> tuple[str, dict[str, Any]]:
    """Return the stack whose service has the context, and that service's keys; empty if there is none.

    Raises:
        DeliveryError: the stack that is named has no such service.
    """
    for stack, config in stack_files.configurations(root).items():
        environment = config.get("slipway:environment")
        services = environment.get("services") if isinstance(environment, dict) else None
        for name, keys in services.items() if isinstance(services, dict) else ():
            same = (
                isinstance(keys, dict)
                and (root / str(keys.get("context"))).resolve() == (root / subject.context).resolve()
            )
            if same and subject.stack in ("", stack) and subject.service in ("", name):
                has_database = bool(environment and environment.get("database")) and keys.get("database", True)
                return stack, {**keys, "database": has_database}
    if subject.stack:
        raise DeliveryError(f"Pulumi.{subject.stack}.yaml has no service with the context {subject.context}")
    return "", {}


def _container(root: Path, of: Application, keys: dict[str, Any], *, database: bool) -> Container:
    """Return how the container is run: as keys say, else as the application's files do."""
    health, writable = keys.get("health_check") or {}, keys.get("writable")
    variables = keys.get("database_variables", of.database_variables) if keys or of.database else {}
    if database and not variables:
        variables = {"DATABASE_URL": f"postgresql://{reading.ADDRESS}"}
    optional = {key: tuple(keys[key]) for key in ("entry_point", "command") if keys.get(key) is not None}
    return Container(
        service=_service(root, of, keys),
        memory=int(keys.get("memory", 512)),
        start_seconds=max(int(keys.get("grace_period", 60)), 10 * int(health.get("interval", 5))),
        stop_seconds=int(keys.get("stop_timeout", 30)),
        read_only=bool(keys.get("read_only", True)),
        writable=tuple(writable) if writable is not None else containers.WRITABLE,
        user=str(keys.get("user", "")),
        environment=_environment(root, keys) if keys else of.environment,
        database_variables=variables,
        database=database or bool(keys["database"] if keys else of.database),
        **optional,
    )


def _environment(root: Path, keys: dict[str, Any]) -> dict[str, str]:
    """Return the variables of a service's `env_file` and `environment`, of which the latter wins."""
    file = root / str(keys["env_file"]) if keys.get("env_file") else None
    held = dotenv.dotenv_values(file, interpolate=False) if file else {}
    configured = {key: str(value) for key, value in keys.get("environment", {}).items()}
    return {key: value or "" for key, value in held.items()} | configured


def _service(root: Path, of: Application, keys: dict[str, Any]) -> facts.Service:
    """Return the facts of the service as far as a trial run reads them; base images are this machine's."""
    here = json.loads(os.environ.get("BUILD_ARGS") or "{}")
    text = (root / of.context / of.dockerfile).read_text("utf-8", "replace")
    arguments = {key: value for key, value in here.items() if f"ARG {key}" in text} | dict(keys.get("build_args", {}))
    health = keys.get("health_check") or {}
    return facts.Service(
        ecs_service="",
        target_group="",
        template_family="",
        release_family="",
        repository_url="",
        digest="",
        version="",
        name=of.name,
        container=of.name,
        desired_count=1,
        port=int(keys.get("port", of.port)),
        health_path=str(health.get("path", "/healthz" if keys else of.health_path)),
        health_status=str(health.get("status", "200" if keys else of.health_status)),
        version_path="",
        context=of.context,
        dockerfile=of.dockerfile,
        target=str(keys.get("target", of.target)),
        platform="",
        build_args={key: str(value) for key, value in arguments.items()},
    )
