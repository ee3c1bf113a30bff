"""The command line: commands, their options and their help."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from contract.pipeline import COMMIT, EXECUTION
from delivery.operator import logs
from delivery.operator.status import WAITS

PLATFORMS = ("linux/amd64", "linux/arm64")
ROOT = Path(__file__).resolve().parents[2]
EPILOG = "Exit codes: 0 done, 1 failed (one line says why and what to do), 2 wrong usage, 130 interrupted."


def build() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="delivery",
        description="Test, build, deploy and watch what a stack runs, by the stack's name, on AWS (bin/delivery) or on "
        "the local cloud (bin/delivery-local).",
        epilog=EPILOG,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _steps(commands)
    _pipeline(Commands(commands))
    _care(Commands(commands))
    _review(commands)
    return parser


class Commands:
    """Adds commands that all take --stack."""

    def __init__(self, commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        self._commands = commands

    def add(self, name: str, summary: str, detail: str = "") -> argparse.ArgumentParser:
        """Add a command; the summary is shown in the list, summary and detail by its own --help."""
        made = self._commands.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}. {detail}".strip(), epilog=EPILOG
        )
        made.add_argument("--stack", required=True, metavar="NAME", help="the stack, as in `pulumi up -s NAME`")
        return made


def _release(parser: argparse.ArgumentParser, *, required: bool) -> None:
    release = parser.add_mutually_exclusive_group(required=required)
    release.add_argument("--release", type=Path, metavar="FILE", help="release.json, as `delivery build` writes it")
    release.add_argument(
        "--commit", metavar="COMMIT", help="a commit built before, whole or its first 7 characters at least"
    )


def _reports(parser: argparse.ArgumentParser) -> None:
    default = ROOT / "reports"
    parser.add_argument(
        "--reports", type=Path, default=default, metavar="DIR", help="where JUnit results go (default: reports/)"
    )


def _execution(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--execution",
        default=os.environ.get(EXECUTION, ""),
        metavar="ID",
        help="the pipeline execution (default: $EXECUTION)",
    )


def _steps(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The pipeline's steps, in its order."""
    commands = Commands(subparsers)
    test = commands.add("test", "run the unit and integration tests of a stack's services, in containers")
    test.add_argument("--commit", default=os.environ.get(COMMIT) or "unknown", help="what COMMIT is (default: $COMMIT)")
    _reports(test)
    make = commands.add(
        "build",
        "build, test and push a commit's images",
        "Takes the files as they lie here: check the commit out first. An image that was built before is reused. "
        "Writes release.json, release.txt and sbom-SERVICE.cdx.json.",
    )
    make.add_argument("--commit", required=True, metavar="COMMIT", help="the commit that the sources are of, whole")
    make.add_argument(
        "--platform",
        default="",
        choices=("", *PLATFORMS),
        help="one of several that the commit is built for, as a part of an index (default: each service's own)",
    )
    make.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="where the files go (default: here)")
    _execution(make)
    _reports(make)
    index = commands.add(
        "index",
        "make one image of those that were built for each platform",
        "Needs no Docker. Writes release.json and release.txt.",
    )
    index.add_argument(
        "--built",
        type=Path,
        action="append",
        required=True,
        metavar="FILE",
        help="release.json of `delivery build --platform`; once for each platform",
    )
    index.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="where the files go (default: here)")
    deploy = commands.add(
        "deploy",
        "make a stack serve a release, and prove that it does",
        "Ends with 0 only when every task, target and answer is the release's; else the stack is put back.",
    )
    _release(deploy, required=True)
    accept = commands.add(
        "acceptance",
        "run the acceptance suites against a stack",
        "Asserts before and after that the expected release is served. By hand (without --release) the full suite "
        "also marks the images as accepted, which production asks for.",
    )
    accept.add_argument("--release", type=Path, metavar="FILE", help="the release that must be served")
    accept.add_argument("--safe-only", action="store_true", help="only tests that change nothing; marks no image")
    accept.add_argument("--put-back", action="store_true", help="on failure, put the stack back to what served before")
    _reports(accept)
    promote = commands.add("promote", "mark a release's images as accepted or released")
    promote.add_argument("--release", type=Path, required=True, metavar="FILE", help="release.json of the release")
    promote.add_argument("--as", dest="kind", choices=("accepted", "released"), default="accepted")
    _execution(promote)


def _pipeline(commands: Commands) -> None:
    """What people do with releases and with the pipeline."""
    status = commands.add(
        "status",
        "show an execution of the pipeline, what is served, and what waits",
        f"With --follow the exit code tells the end: 0 succeeded, 1 failed, stopped or superseded, {WAITS} waits for a "
        "person (for approval, or before a stage that a rollback closed).",
    )
    status.add_argument("--follow", action="store_true", help="until the execution ends or waits for a person")
    status.add_argument("--execution", default="", metavar="ID", help="the execution (default: the newest)")
    for name, what in (("approve", "release"), ("reject", "do not release")):
        answer = commands.add(name, f"{what} what waits for approval", "Shows what it is and what staging serves now.")
        answer.add_argument("--execution", default="", metavar="ID", help="the execution (default: the one that waits)")
        answer.add_argument("--reason", default="", metavar="TEXT", help="kept in the pipeline's history")
        if name == "approve":
            answer.add_argument("--yes", action="store_true", help="also when staging serves something else now")
    again = commands.add(
        "retry",
        "run the stage in which an execution failed or was stopped once more",
        "For causes outside of the commit; what a newer execution has passed meanwhile is not retried.",
    )
    again.add_argument("--execution", default="", metavar="ID", help="the execution (default: the newest)")
    again.add_argument("--all", action="store_true", help="the stage's actions that succeeded, too")
    back = commands.add(
        "rollback",
        "serve an earlier good release again",
        "The pipeline then releases nothing to this stack until `delivery resume`.",
    )
    back.add_argument("--to", default="", metavar="COMMIT", help="the release (default: the newest good one before)")
    back.add_argument("--stop-execution", action="store_true", help="stop the execution that deploys here now")
    commands.add("resume", "let the pipeline release to a stack again")
    history = commands.add("history", "list the releases of a stack, newest first")
    history.add_argument("--most", type=int, default=10, metavar="N", help="at most so many (default: 10)")


def _since(text: str) -> int:
    try:
        return logs.seconds(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 90s, 10m, 2h or 1d") from None


def _keep(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 on")
    return int(text)


def _care(commands: Commands) -> None:
    """Looking inside and clearing up."""
    told = commands.add("logs", "print what the services' tasks, or a build of the pipeline, wrote")
    told.add_argument("service", nargs="?", default="", metavar="SERVICE", help="only of this service")
    told.add_argument(
        "--build", default="", metavar="ACTION", help="a build's: its action, as Acceptance or Build/Build"
    )
    told.add_argument("--execution", default="", metavar="ID", help="with --build: of this execution")
    told.add_argument("--since", type=_since, default="10m", metavar="TIME", help="90s, 10m, 2h, 1d (default: 10m)")
    told.add_argument("--follow", action="store_true", help="go on until Ctrl-C, or the build's end")
    clean = commands.add(
        "clean",
        "remove task definition revisions that are of no use any more",
        "Of a destroyed stack, all that is left.",
    )
    clean.add_argument("--keep", type=_keep, default=10, metavar="N", help="release revisions to keep (default: 10)")
    commands.add("doctor", "check what would make a first run fail; 1 when something would")


def _review(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """What a reviewer of a change sees."""
    summary = "show what a change would do to each stack, as one comment on its pull request"
    shown = subparsers.add_parser(
        "preview",
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}. Runs `pulumi preview` of what is checked out; without a pull "
        "request the text is printed only. In GitHub Actions the pull request is that of the workflow. GITHUB_TOKEN "
        "must be allowed to write the comment; GITHUB_API_URL is for a GitHub that is not github.com.",
        epilog=EPILOG,
    )
    shown.add_argument("--stack", action="append", metavar="NAME", help="only this stack; may be repeated")
    shown.add_argument("--repository", default="", metavar="OWNER/NAME", help="default: $GITHUB_REPOSITORY")
    shown.add_argument("--pull-request", type=int, default=0, metavar="N", help="the pull request to comment on")
    shown.add_argument("--commit", default="", metavar="HASH", help="its commit (default: what is checked out)")
    shown.add_argument(
        "--pulumi",
        default=os.environ.get("DELIVERY_PULUMI") or "pulumi",
        metavar="COMMAND",
        help="the command that is pulumi (default: $DELIVERY_PULUMI, else pulumi)",
    )
    apart = shown.add_mutually_exclusive_group()
    apart.add_argument("--save", type=Path, metavar="FILE", help="preview, comment on nothing, write FILE")
    apart.add_argument(
        "--from", dest="read", type=Path, metavar="FILE", help="comment what --save wrote, run no pulumi"
    )
