"""The command for reviewers: preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from delivery.commands import registry
from delivery.previews import preview as previews

if TYPE_CHECKING:
    from pathlib import Path


@registry.command(
    "preview a change on each stack, as one comment on its pull request",
    "Runs `pulumi preview` of what is checked out; without a pull request the text is printed only. In GitHub Actions "
    "the pull request is that of the workflow. GITHUB_TOKEN must be allowed to write the comment; GITHUB_API_URL is "
    "for a GitHub that is not github.com.",
    example="--repository OWNER/NAME --pull-request N",
)
@click.option("--stack", "stacks", multiple=True, metavar="NAME", help="Only this stack; repeatable.")
@click.option("--repository", default="", metavar="OWNER/NAME", help="Default: $GITHUB_REPOSITORY.")
@click.option("--pull-request", "number", type=int, default=0, metavar="N", help="The pull request to comment on.")
@click.option("--commit", default="", metavar="HASH", help="Its commit (default: what is checked out).")
@registry.pulumi
@click.option("--save", type=registry.FILE, metavar="FILE", help="Write the previews to FILE instead of commenting.")
@click.option(
    "--from",
    "saved",
    type=registry.FILE,
    metavar="FILE",
    help="Comment with the previews of a --save, without running pulumi.",
)
def preview(  # noqa: PLR0913 - the command's options
    stacks: tuple[str, ...],
    repository: str,
    number: int,
    commit: str,
    pulumi: str,
    save: Path | None,
    saved: Path | None,
) -> int:
    """Run `delivery preview`; returns its exit code."""
    if save and saved:
        raise click.UsageError("--save and --from exclude each other")
    if save:
        return previews.write(save, stacks, pulumi)
    where = previews.Where(repository=repository, number=number, commit=commit)
    return previews.comment(where, stacks, pulumi, saved)
