"""`make update`: update every pinned version to the newest available one, and verify that nothing else changes.

stand   deploy both stacks to the local cloud with the current pins
move    update the Pulumi release, locks, digests of base images; prints the changes, and what must be updated by hand
verify  after `make setup check`: preview both stacks, which must show no change
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from tools import digests, locks, pulumi_release
from tools.toolchain.pins import pins

ROOT = Path(__file__).resolve().parents[1]
STACKS = ("staging", "prod")
BY_HAND = ("pulumi-aws", "pulumi-docker", "pulumi-github", "ministack")
"""Packages that *.in files pin exactly, since a plugin or the emulator's known faults belong to each version."""


class UpdateError(Exception):
    """Raised when an update cannot continue: one line with the remedy."""


def refuse_changes() -> None:
    """Refuse to mix an update with other work.

    Raises:
        UpdateError: the working tree has uncommitted changes.
    """
    done = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True)
    if done.stdout:
        raise UpdateError("there are uncommitted changes, and an update is one commit: commit or stash them first")


def stand() -> None:
    """Deploy both stacks to the local cloud, as `make demo` does, unless they exist.

    Raises:
        UpdateError: a step failed; its output is above.
    """
    refuse_changes()
    if subprocess.run([ROOT / "bin" / "localcloud", "up"], check=False).returncode:
        raise UpdateError("the local cloud did not start; see above")
    from tools import demo  # noqa: PLC0415 - the other commands do not need it

    try:
        demo.environments(demo.Demo())
    except demo.StepError as error:
        raise UpdateError(f"{error}; the stacks have to stand before the pins move") from error


def grouped(moved: list[str]) -> list[str]:
    """Return the version changes, one line per package: `boto3 1.44.5 -> 1.44.8 (requirements.txt, ...)`.

    Args:
        moved: lines `LOCK: PACKAGE OLD -> NEW`.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for line in moved:
        lock, _, step = line.partition(": ")
        found[step].append(lock)
    return [f"{step} ({', '.join(files)})" for step, files in sorted(found.items())]


def move_pulumi() -> list[str]:
    """Pin the newest Pulumi release; return a list with the reason if that failed, else an empty one."""
    newest = pulumi_release.newest(locks.newest(["pulumi"])["pulumi"])
    if newest == pins().cli:
        return []
    try:
        pulumi_release.move(newest, ROOT)
    except pulumi_release.MoveError as error:
        return [f"pulumi {pins().cli} to {newest}: {error}"]
    return []


def by_hand() -> list[str]:
    """Return a line for each package with a newer release that has to be updated by hand."""
    lines, newest = [], locks.newest(BY_HAND)
    pinned = {name: version for lock in locks.LOCKS for name, version in locks.pinned(ROOT / lock).items()}
    for name in BY_HAND:
        if newest[name] != pinned[name]:
            where = (
                "tools/toolchain/README.md, Changing a version" if name != "ministack" else "localcloud/requirements.in"
            )
            lines.append(f"{name} {pinned[name]}, and {newest[name]} is served: by hand, see {where}")
    return lines


def move() -> None:
    """Update the pins and print the changes.

    Raises:
        locks.LockError: a lock cannot be compiled; nothing has been changed.
    """
    refuse_changes()
    refused = move_pulumi()
    try:
        moved = grouped(locks.compile_all(upgrade=True))
    except locks.LockError:
        subprocess.run(["git", "checkout", "--quiet", "--", "."], cwd=ROOT, check=True)
        raise
    lines, remark = digests.move(ROOT)
    for line in [*moved, *lines] or ["update: nothing moved"]:
        print(line)
    for line in [*refused, *by_hand(), *remark]:
        print(f"not moved: {line}")


def changes(preview: str) -> list[str]:
    """Return the resources that a preview would change, as `update aws:ecs/service:Service web`.

    Args:
        preview: the output of `pulumi preview --json`.
    """
    steps = json.loads(preview)["steps"]
    parts = [(step["op"], step["urn"].split("::")) for step in steps if step["op"] not in ("same", "read")]
    return [f"{operation} {re.sub(r'^.*[$]', '', urn[2])} {urn[3]}" for operation, urn in parts]


def verify() -> None:
    """Preview both stacks with the updated pins.

    Raises:
        UpdateError: a resource would change, or a preview fails.
    """
    for stack in STACKS:
        command = [str(ROOT / "bin" / "pulumi-local"), "preview", "-s", stack, "--json"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UpdateError(f"the preview of {stack} fails: {' '.join((done.stdout + done.stderr).split())[-600:]}")
        if found := changes(done.stdout):
            raise UpdateError(f"the preview of {stack} is not empty any more: {', '.join(found)}; git diff shows why")
        print(f"update: the preview of {stack} shows no change")
    print("update: done; commit it: git commit --all --message 'Update of all pins'")


def main() -> int:
    """Run one phase of the update; returns 0, or 1 with one line on stderr."""
    parser = argparse.ArgumentParser(
        prog="python3 -m tools.update", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=["stand", "move", "verify"])
    try:
        {"stand": stand, "move": move, "verify": verify}[parser.parse_args().part]()
    except (UpdateError, locks.LockError) as error:
        print(f"update: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("update: interrupted; git diff shows what has moved", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
