"""`python -m delivery`: the delivery commands, by stack name, with the AWS settings of the environment."""

from __future__ import annotations

import argparse
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from delivery import acceptance, clean, environment
from delivery.errors import DeliveryError

REMEDY = {
    NoRegionError: " Name the stack's: export AWS_REGION=...",
    NoCredentialsError: "; log in to the account, for example: aws sso login",
}
ROOT = Path(__file__).resolve().parent.parent


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3's clients have no static type
    """Return the boto3 client of an AWS service, made once."""
    # boto3 itself reads AWS_DEFAULT_REGION only; the other SDKs and the AWS CLI read AWS_REGION first.
    return boto3.client(service, region_name=os.environ.get("AWS_REGION"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="delivery", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    stack = argparse.ArgumentParser(add_help=False)
    stack.add_argument("--stack", required=True, metavar="NAME", help="the stack, as in `pulumi up -s NAME`")
    accept = commands.add_parser(
        "acceptance", parents=[stack], help="run the acceptance suites against a stack; mark its images as accepted"
    )
    accept.add_argument("--safe-only", action="store_true", help="only tests that change nothing; marks nothing")
    accept.add_argument(
        "--reports", type=Path, default=ROOT / "reports", metavar="DIR", help="JUnit results (default: reports/)"
    )
    commands.add_parser("clean", parents=[stack], help="remove the revisions that a destroyed stack leaves")
    return parser


def _acceptance(options: argparse.Namespace) -> None:
    found = environment.read(client("ssm"), options.stack)
    acceptance.run(client, found, root=ROOT, reports=options.reports / options.stack, safe_only=options.safe_only)
    print(f"acceptance passed: {found.url}")


def _clean(options: argparse.Namespace) -> None:
    revisions = clean.task_definitions(client("ecs"), options.stack)
    print(f"deleted {revisions} inactive task definition revisions of {options.stack}")


def main() -> int:
    """Run one delivery command; returns the exit code (0 done, 1 failed, 2 wrong usage)."""
    options = _parser().parse_args()
    try:
        {"acceptance": _acceptance, "clean": _clean}[options.command](options)
    except (DeliveryError, BotoCoreError, ClientError) as error:
        print(f"delivery {options.command}: {error}{REMEDY.get(type(error), '')}", file=sys.stderr)
        return 1
    except FileNotFoundError as error:
        print(f"delivery {options.command}: {error.filename} is not on PATH; install it", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
