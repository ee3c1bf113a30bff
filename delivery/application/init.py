"""Init: the stack files of an application that is new to Slipway, written and validated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from contract.names import MAX_NAME_LENGTH, of_service
from delivery.application import reading, stack_files
from delivery.application.stack_files import Stacks
from delivery.console import typed
from delivery.errors import DeliveryError

STAGING, PRODUCTION = "-staging", "-prod"
SHORTEST = 3

if TYPE_CHECKING:
    from pathlib import Path

    from delivery.application.reading import Application


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The options of `delivery init`; an empty text is one that was not given."""

    context: str
    name: str
    dockerfile: str
    staging: str
    production: str
    repository: str
    health_path: str
    port: int
    database: bool
    ask: bool
    force: bool


def run(root: Path, options: Options) -> None:
    """Read an application, write the stack files of its staging and production, and validate them.

    Raises:
        DeliveryError: it cannot be read, a stack file exists already, or the configuration is invalid (nothing is
            left of it then).
    """
    of = reading.read(root, options.context, name=options.name, file=options.dockerfile)
    _complete(of, options)
    repository = options.repository or stack_files.repository(root)
    if repository.count("/") != 1:
        raise DeliveryError("the pipeline needs a GitHub repository; name it: --repository OWNER/NAME")
    prefix = _stack_prefix(of.name)
    stacks = Stacks(
        staging=options.staging or f"{prefix}{STAGING}",
        production=options.production or f"{prefix}{PRODUCTION}",
        repository=repository,
    )
    files = stack_files.render(root, of, stacks)
    if existing := [name for name in files if (root / name).exists() and not options.force]:
        raise DeliveryError(f"{' and '.join(existing)} exist already; choose other stacks, or replace them: --force")
    _write(root, files)
    print(f"{of.name} in {of.context}:")
    print("\n".join(f"  {line}" for line in [*of.found, *_guesses(of)]))
    for warning in of.warnings:
        print(f"  note: {warning}")
    print(f"wrote {' and '.join(files)}: valid")
    print(typed(f"next: delivery check-app {of.context}"))
    print(f"then: pulumi up -s {stacks.staging} (on the local cloud: bin/pulumi-local up -s {stacks.staging})")


def _stack_prefix(name: str) -> str:
    """Return what the stacks are called after: the service's name, or as much of it as their names have room for."""
    room = MAX_NAME_LENGTH - len(of_service(STAGING, name))
    return name[: max(room, SHORTEST)].rstrip("-")


def _complete(of: Application, options: Options) -> None:
    """Apply what is given by options, and ask for what neither they nor the application's files have."""
    if options.port:
        of.port = options.port
        of.guessed.discard("port")
    if options.health_path:
        of.health_path, of.health_status = options.health_path, "200"
        of.guessed.discard("health_path")
    if options.database and not of.database:
        of.database = True
        of.database_variables = {"DATABASE_URL": f"postgresql://{reading.ADDRESS}"}
        of.found.append("database: PostgreSQL, by DATABASE_URL and its parts (--database)")
    if options.ask and "port" in of.guessed:
        of.port = click.prompt("port that the container listens on", default=of.port, type=int)
        of.guessed.discard("port")
    if options.ask and "health_path" in of.guessed:
        of.health_path = click.prompt("path that answers when the container can serve", default=of.health_path)
        of.guessed.discard("health_path")


def _guesses(of: Application) -> list[str]:
    lines = {
        "port": f"port: {of.port}, a guess; it is passed as PORT; if the application listens on another: --port",
        "health_path": f"health check: {of.health_path} answers {of.health_status}, a guess; better: --health-path",
    }
    return [lines[key] for key in sorted(of.guessed)]


def _write(root: Path, files: dict[str, str]) -> None:
    """Write the files and validate them; what was there before comes back if they are invalid."""
    before = {name: (root / name).read_text("utf-8") if (root / name).exists() else None for name in files}
    for name, text in files.items():
        (root / name).write_text(text, "utf-8")
    if reasons := stack_files.problems(root, list(files)):
        for name, earlier in before.items():
            if earlier is None:
                (root / name).unlink()
            else:
                (root / name).write_text(earlier, "utf-8")
        raise DeliveryError(f"the application needs a configuration that is invalid; nothing is written:\n{reasons}")
