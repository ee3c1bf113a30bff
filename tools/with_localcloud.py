"""`python -m tools.with_localcloud COMMAND...`: run a command with the AWS settings of the local cloud."""

from __future__ import annotations

import json
import os
import shlex
import sys

from localcloud import client
from localcloud.settings import UserError
from tools.local_settings import ROOT


def main(command: list[str]) -> int:
    """Replace this process by the command; returns 1, with one line on stderr, if no local cloud is running."""
    if not command or command[0] in ("-h", "--help"):
        print("usage: python -m tools.with_localcloud COMMAND [ARGUMENTS]\n" + (__doc__ or ""))
        return 0 if command else 2
    try:
        cloud = client.running()
    except UserError as error:
        print(f"tools.with_localcloud: {error}", file=sys.stderr)
        return 1
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    # For `delivery preview`: the local GitHub, which accepts any token, and bin/pulumi-local as pulumi.
    github = {"GITHUB_API_URL": f"{cloud.endpoint}/api/v3", "GITHUB_TOKEN": "local"}
    pulumi = {"DELIVERY_PULUMI": shlex.quote(str(ROOT / "bin/pulumi-local"))}
    images = {"BUILD_ARGS": os.environ.get("BUILD_ARGS") or json.dumps(cloud.images)}
    try:
        os.execvpe(command[0], command, kept | cloud.environment | github | pulumi | images)  # noqa: S606 - no shell is meant
    except FileNotFoundError:
        print(f"tools.with_localcloud: {command[0]} is not on PATH; install it", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
