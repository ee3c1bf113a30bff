"""`bin/pulumi-local`: any pulumi sub-command, with the same program and stacks, against the local cloud.

The state lies in `.localcloud/pulumi`, the stack file is a generated copy in `.localcloud/stacks`, and the
environment is cleared of every setting that could lead to a real AWS account.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from localcloud import client, overlay
from toolchain import environment as toolchain_environment

ROOT = Path(__file__).resolve().parent.parent
# The sub-commands that take --config-file, by `pulumi COMMAND --help` of 3.256.
READS_STACK_FILE = {"up", "update", "preview", "pre", "refresh", "destroy", "down", "dn", "import", "watch", "config"}
TAKES_A_STACK = READS_STACK_FILE | {"stack", "cancel", "logs", "state"}
HELP = """usage: pulumi-local [--help-local] COMMAND -s STACK [ARGUMENTS OF PULUMI]

Runs `pulumi COMMAND` against the local cloud: same program, same stack files, state in .localcloud/pulumi.
Start the local cloud first: make up. Examples:
  pulumi-local preview -s staging
  pulumi-local up -s staging --yes
  pulumi-local destroy -s staging --yes
"""


def stack_of(arguments: list[str]) -> str | None:
    """Return the value of -s or --stack in pulumi's arguments, else None."""
    for index, word in enumerate(arguments):
        if word in ("-s", "--stack") and index + 1 < len(arguments):
            return arguments[index + 1]
        if word.startswith("--stack="):
            return word.removeprefix("--stack=")
    return None


def refuse_remote(url: str) -> None:
    """Refuse an endpoint that is not on this machine.

    Args:
        url: such as `http://127.0.0.1:4566`.

    Raises:
        client.LocalCloudError: its host is neither `localhost` nor a loopback address.
    """
    host = urlsplit(url).hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        raise client.LocalCloudError(
            f"endpoint {url} is not on this machine; pulumi-local talks to loopback only: use plain pulumi for AWS"
        )


def pulumi_environment(cloud: client.LocalCloud) -> dict[str, str]:
    """Return the environment for pulumi: toolchain, local state and passphrase, and the local cloud alone.

    Args:
        cloud: the running local cloud.

    Returns:
        Variables for a child process, without any AWS or Pulumi setting of the caller's.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PULUMI_", "GITHUB_"))}
    passphrase = cloud.state / "passphrase"
    if not passphrase.exists():
        passphrase.touch(mode=0o600)
        passphrase.write_text(secrets.token_urlsafe(24), "utf-8")
    backend = cloud.state / "pulumi"
    backend.mkdir(parents=True, exist_ok=True)
    local = {"PULUMI_BACKEND_URL": backend.as_uri(), "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase)}
    return kept | cloud.environment() | toolchain_environment() | local


def prepare(cloud: client.LocalCloud, stack: str, environment: dict[str, str]) -> Path:
    """Write the stack's local file and create the stack in the local state if it is not there.

    Args:
        cloud: the running local cloud.
        stack: the stack's name.
        environment: as `pulumi_environment` returns it.

    Returns:
        The generated stack file.

    Raises:
        overlay.OverlayError: the committed file is missing or unusable.
        subprocess.CalledProcessError: pulumi refused to create the stack; it has said why.
    """
    generated = cloud.state / "stacks" / f"Pulumi.{stack}.yaml"
    overlay.write(ROOT / f"Pulumi.{stack}.yaml", generated, image_arguments=cloud.image_arguments)
    if not list((cloud.state / "pulumi" / ".pulumi" / "stacks").glob(f"*/{stack}.json")):
        init = ["pulumi", "stack", "init", stack, "--no-select", "--config-file", str(generated)]
        subprocess.run([*init, "--non-interactive"], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    return generated


def main(arguments: list[str]) -> int:
    """Run pulumi; returns its exit code, or 1 with one line on stderr when it cannot be started."""
    if not arguments or arguments[0] == "--help-local":
        print(HELP, end="")
        return 0
    command, stack = arguments[0], stack_of(arguments)
    try:
        refuse_remote(os.environ.get("AWS_ENDPOINT_URL") or client.endpoint())
        cloud = client.running()
        environment = pulumi_environment(cloud)
        if command in TAKES_A_STACK and stack:
            generated = prepare(cloud, stack, environment)
            if command in READS_STACK_FILE:
                arguments = [*arguments, "--config-file", str(generated)]
        elif command in READS_STACK_FILE and not {"-h", "--help"} & set(arguments):
            raise client.LocalCloudError(f"pulumi {command} needs a stack here; add: -s staging")
        return subprocess.run(["pulumi", *arguments], cwd=ROOT, env=environment, check=False).returncode
    except (client.LocalCloudError, overlay.OverlayError) as error:
        print(f"pulumi-local: {error}", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"pulumi-local: {' '.join(error.cmd[:4])} failed, see above", file=sys.stderr)
    except FileNotFoundError as error:
        print(f"pulumi-local: {error.filename} is not there; run: make setup", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
