"""Commands for an application that is new to Slipway: init, check-app."""

from __future__ import annotations

import sys

import click

from delivery import checkout
from delivery.application import check_app as checking
from delivery.application import init as writing
from delivery.commands import registry
from delivery.console import Progress

context = click.argument("context", metavar="DIR")
dockerfile = click.option(
    "--dockerfile", default="Dockerfile", metavar="FILE", help="The Dockerfile in DIR (default: Dockerfile)."
)


@registry.command(
    "write the stack files of an application",
    "Reads DIR/Dockerfile and, if there is one, its Compose file; asks on a terminal for what they do not have. "
    "Writes and validates the stack files of staging and production.",
    example="DIR",
)
@context
@dockerfile
@click.option("--name", default="", metavar="NAME", help="The service's name (default: that of DIR).")
@click.option("--stack", "staging", default="", metavar="NAME", help="The staging stack (default: NAME-staging).")
@click.option("--production", default="", metavar="NAME", help="The production stack (default: NAME-prod).")
@click.option(
    "--repository", default="", metavar="OWNER/NAME", help="The GitHub repository (default: that of Pulumi.prod.yaml)."
)
@click.option("--health-path", default="", metavar="PATH", help="The path that answers 200 when it can serve.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="The port that the container listens on.")
@click.option("--database", is_flag=True, help="With PostgreSQL, whose address is given as DATABASE_URL.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option("--force", is_flag=True, help="Replace stack files that exist.")
def init(  # noqa: PLR0913 - the command's options
    context: str,
    *,
    dockerfile: str,
    name: str,
    staging: str,
    production: str,
    repository: str,
    health_path: str,
    port: int | None,
    database: bool,
    yes: bool,
    force: bool,
) -> None:
    """Run `delivery init`."""
    writing.run(
        checkout.ROOT,
        writing.Options(
            context=context,
            dockerfile=dockerfile,
            name=name,
            staging=staging,
            production=production,
            repository=repository,
            health_path=health_path,
            port=port or 0,
            database=database,
            ask=sys.stdin.isatty() and not yes,
            force=force,
        ),
    )


@registry.command(
    "run an application's image as Fargate would, without a stack",
    "With this machine's Docker: read-only, with the task's user, memory, port, health check and signals, first "
    "without the internet. Says what would fail and which key to set.",
    example="DIR",
)
@context
@dockerfile
@click.option("--stack", default="", metavar="NAME", help="The stack file with its keys (default: the first with DIR).")
@click.option("--service", default="", metavar="NAME", help="The service in it (default: the first with DIR).")
@click.option("--database", is_flag=True, help="With PostgreSQL, although no stack file or Compose file asks for it.")
def check_app(context: str, *, dockerfile: str, stack: str, service: str, database: bool) -> int:
    """Run `delivery check-app`; returns its exit code."""
    subject = checking.Subject(context=context, dockerfile=dockerfile, stack=stack, service=service, database=database)
    return checking.run(checkout.ROOT, subject, Progress())
