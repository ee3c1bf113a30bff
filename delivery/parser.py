"""The command line: commands, their options and their help."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
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
    clean = Commands(commands).add("clean", "remove the revisions that a stack leaves behind")
    clean.set_defaults()
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
        default=os.environ.get("EXECUTION", ""),
        metavar="ID",
        help="the pipeline execution (default: $EXECUTION)",
    )


def _steps(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The pipeline's steps, in its order."""
    commands = Commands(subparsers)
    test = commands.add("test", "run the unit and integration tests of a stack's services, in containers")
    test.add_argument(
        "--commit", default=os.environ.get("COMMIT") or "unknown", help="what COMMIT is (default: $COMMIT)"
    )
    _reports(test)
    make = commands.add(
        "build",
        "build, test and push a commit's images",
        "An image that was built before is reused. Writes release.json, release.txt and sbom-SERVICE.cdx.json.",
    )
    make.add_argument("--commit", required=True, metavar="COMMIT", help="the commit that the sources are of, whole")
    make.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="where the files go (default: here)")
    _execution(make)
    _reports(make)
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
