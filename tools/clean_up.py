"""`make clean-up`: destroy both stacks, sweep, stop the local cloud; `--all` also removes caches and images.

Nothing on the local cloud outlives it: deletion protection of databases is switched off first, and their final
snapshots are deleted, each with a line that says so. On AWS that is for people to do (docs/aws.md, "Tear-down").

The source is kept, and so is an inventory of what was deployed: `reports/before-clean-up-<time>.json`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

from contract.names import ENVIRONMENT_TAG
from localcloud import client, settings
from localcloud.settings import UserError
from tools import stacks
from tools.local_settings import ROOT

if TYPE_CHECKING:
    from pathlib import Path


CLEAN = ("--skip-snapshot", "--unprotect", "--running")
"""After a destroy everything goes: the local cloud keeps no data beyond its stacks."""
UNDESTROYED = (
    "stack {0} is not destroyed, and what follows was left alone; put it right, then run it again; if something holds "
    "it that Pulumi does not know (DependencyViolation), first: bin/delivery-local clean --stack {0} --unknown"
)
LEFT = (
    "the resources above are left, and no stack has them; what belongs to a stack that was removed goes with: "
    f"bin/delivery-local clean --stack NAME {' '.join(CLEAN)}; "
    "all that the local cloud holds goes with: bin/localcloud reset; then run it again"
)


DATABASE = "aws:rds/instance:Instance"


def inventory() -> Path:
    """Write the outputs and resources of the existing stacks to a file and return its path.

    Raises:
        UserError: pulumi cannot read a stack.
    """
    found = {}
    for stack in stacks.existing():
        found[stack] = {"outputs": stacks.outputs(stack), "resources": [each["urn"] for each in _resources(stack)]}
    path = ROOT / "reports" / f"before-clean-up-{time.strftime('%Y%m%dT%H%M%S')}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    return path


def _resources(stack: str) -> list[dict[str, Any]]:
    """Return the resources in a stack's state.

    Raises:
        UserError: pulumi cannot read it.
    """
    exported = stacks.capture("stack", "export", "-s", stack)
    if exported.returncode:
        raise UserError(f"stack {stack} cannot be read: {exported.stderr.strip()}")
    return (json.loads(exported.stdout).get("deployment") or {}).get("resources") or []


def must(*command: str) -> None:
    """Run a command in the project's root with its output shown; raises UserError when it fails."""
    if stacks.run(list(command)):
        raise UserError("the step above failed, and what follows was left alone; put it right, then run it again")


def destroy() -> None:
    """Destroy production, then staging, and sweep.

    Raises:
        UserError: a step failed, or resources remain, which have been printed.
    """
    print(f"what there was: {inventory()}", flush=True)
    rds = client.running().boto3("rds")
    for stack in stacks.existing():
        unprotect(rds, stack)
        if stacks.run([stacks.PULUMI, "destroy", "-s", stack, "--yes", "--skip-preview"]):
            raise UserError(UNDESTROYED.format(stack))
        must(*stacks.DELIVERY, "clean", "--stack", stack, *CLEAN)
        forget(rds, stack)
        must(stacks.PULUMI, "stack", "rm", "-s", stack, "--yes")
    if stacks.run(cloud("sweep")):
        raise UserError(LEFT)


def unprotect(rds: Any, stack: str) -> None:  # noqa: ANN401 - boto3's clients have no static type
    """Switch off the deletion protection of a stack's databases, which would keep it from being destroyed.

    Raises:
        UserError: pulumi cannot read or change the stack.
    """
    for one in _resources(stack):
        if one["type"] == DATABASE and one.get("protect"):
            must(stacks.PULUMI, "state", "unprotect", one["urn"], "-s", stack, "--yes")
    for page in rds.get_paginator("describe_db_instances").paginate():
        for one in page["DBInstances"]:
            if one["DeletionProtection"] and _is_of(stack, one):
                name = one["DBInstanceIdentifier"]
                print(f"stack {stack}: the deletion protection of database {name} is switched off", flush=True)
                rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)


def forget(rds: Any, stack: str) -> None:  # noqa: ANN401 - boto3's clients have no static type
    """Delete the snapshots of a destroyed stack's databases."""
    for page in rds.get_paginator("describe_db_snapshots").paginate():
        for one in page["DBSnapshots"]:
            if _is_of(stack, one):
                name = one["DBSnapshotIdentifier"]
                print(f"stack {stack}: the database snapshot {name} is deleted", flush=True)
                rds.delete_db_snapshot(DBSnapshotIdentifier=name)


def _is_of(stack: str, found: dict[str, Any]) -> bool:
    """Return whether an instance or a snapshot carries a stack's tag; snapshots have a copy of the instance's."""
    return {"Key": ENVIRONMENT_TAG, "Value": stack} in found["TagList"]


def cloud(*arguments: str) -> list[str]:
    """Return the command that starts the local cloud's command line."""
    return [str(client.python()), "-m", "localcloud", *arguments]


def clean_up(*, everything: bool) -> None:
    """Destroy the stacks, stop the local cloud, and with `everything` remove images, caches and our Docker Engine.

    Raises:
        UserError: a step failed; the message has the remedy.
    """
    if not client.python().exists():
        print("clean-up: the local cloud was never set up here; nothing to do")
        return
    if stacks.existing():
        must(*cloud("up"))
    if client.is_running():
        destroy()
    must(*cloud("down"))
    if everything:
        must(*cloud("reset", "--all"))
        must(sys.executable, "-m", "tools.toolchain", "clean")
        shutil.rmtree(ROOT / ".checkov", ignore_errors=True)


def main() -> int:
    """Run the clean-up; returns 0, or 1 when resources remain, which have been printed."""
    parser = argparse.ArgumentParser(prog="clean-up", description=__doc__)
    parser.add_argument(
        "--all", action="store_true", help="also remove images, caches and a Docker Engine that the local cloud started"
    )
    options = parser.parse_args()
    try:
        settings.load()
        clean_up(everything=options.all)
    except UserError as error:
        print(f"clean-up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("clean-up: interrupted; running it again goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
