"""`make clean-up`: destroy both stacks, sweep, stop the local cloud; `--all` removes caches and images too.

The source is kept, and so is a list of what there was: `reports/before-clean-up-<time>.json`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from localcloud import client, settings
from localcloud.demo import DELIVERY, PULUMI, STACKS, outputs
from localcloud.settings import UserError

ROOT = Path(__file__).resolve().parent.parent
STATE = settings.load().state_dir


def inventory() -> Path:
    """Write the outputs and resources of both stacks to a file and return its path."""
    command = [PULUMI, "stack", "export", "-s"]
    found = {}
    for stack in STACKS:
        exported = subprocess.run([*command, stack], cwd=ROOT, capture_output=True, text=True, check=False)
        state = json.loads(exported.stdout) if exported.returncode == 0 else {}
        resources = (state.get("deployment") or {}).get("resources") or []
        found[stack] = {"outputs": outputs(stack), "resources": [r["urn"] for r in resources]}
    path = ROOT / "reports" / f"before-clean-up-{time.strftime('%Y%m%dT%H%M%S')}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    return path


def run(*command: str) -> bool:
    """Run a command in the project's root, its output shown; returns whether it succeeded."""
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode == 0


def destroy() -> bool:
    """Destroy production, then staging; returns whether nothing is left."""
    print(f"what there was: {inventory()}", flush=True)
    exist = [stack for stack in reversed(STACKS) if list((STATE / "pulumi/.pulumi/stacks").glob(f"*/{stack}.json"))]
    for stack in exist:
        if not run(PULUMI, "destroy", "-s", stack, "--yes", "--skip-preview"):
            print(f"clean-up: {stack} could not be destroyed, see above; then run it again", file=sys.stderr)
            return False
        run(*DELIVERY, "clean", "--stack", stack)
        run(PULUMI, "stack", "rm", "-s", stack, "--yes", "--preserve-config")
    return run(str(client.PYTHON), "-m", "localcloud", "sweep")


def main() -> int:
    """Clean up; returns 0, or 1 when something is left, which has been named."""
    parser = argparse.ArgumentParser(prog="clean-up", description=__doc__)
    parser.add_argument(
        "--all", action="store_true", help="also remove images, caches and a Docker Engine that the local cloud started"
    )
    options = parser.parse_args()
    if not client.PYTHON.exists():
        print("clean-up: the local cloud was never set up here; nothing to do")
        return 0
    try:
        client.running()
        clean = destroy()
    except UserError:
        print("clean-up: the local cloud is not running, so no stack is touched; `make up` first to destroy stacks")
        clean = True
    local = [str(client.PYTHON), "-m", "localcloud"]
    stopped = run(*local, "down") if clean else True
    if options.all and clean:
        stopped = run(*local, "reset", "--all") and run(sys.executable, "-m", "toolchain", "clean")
    return 0 if clean and stopped else 1


if __name__ == "__main__":
    sys.exit(main())
