"""`bin/pulumi-local`: any pulumi sub-command, with the same program and stacks, against the local cloud.

The state lies in `.localcloud/pulumi`, the stack file is a generated copy in `.localcloud/stacks`, and the
environment is cleared of every setting that could lead to a real AWS account.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from localcloud import client, overlay, settings, stack_config, stack_file
from localcloud.settings import UserError
from toolchain import ToolchainError
from toolchain import environment as toolchain_environment

ROOT = Path(__file__).resolve().parent.parent
# The sub-commands that take --config-file, by `pulumi COMMAND --help` of 3.256.
READS_STACK_FILE = {
    "up",
    "update",
    "preview",
    "pre",
    "refresh",
    "destroy",
    "down",
    "dn",
    "import",
    "watch",
    "config",
    "logs",
}
TAKES_A_STACK = READS_STACK_FILE | {"stack", "cancel", "state"}
OUTPUT_SETTINGS = {"PULUMI_ENABLE_STREAMING_JSON_PREVIEW"}  # how pulumi writes; leads nowhere
OWN_OPTIONS = {"-C", "--cwd", "--config-file"}
HELP = """usage: pulumi-local [--help-local] COMMAND -s STACK [ARGUMENTS OF PULUMI]

Runs `pulumi COMMAND` against the local cloud: same program, same stack files, state in .localcloud/pulumi.
Start the local cloud first: make up. Examples:
  pulumi-local preview -s staging
  pulumi-local up -s staging --yes
  pulumi-local destroy -s staging --yes
  pulumi-local config set --path 'slipway:environment.services.web.cpu' 512 -s staging   (writes Pulumi.staging.yaml)
"""


def stack_of(arguments: list[str]) -> str | None:
    """Return the value of -s or --stack in pulumi's arguments, None where there is none.

    Raises:
        UserError: more than one stack is named; pulumi would take the last for the state.
    """
    found = [following for word, following in pairwise([*arguments, ""]) if word in ("-s", "--stack")]
    found += [match[1] for word in arguments if (match := re.fullmatch(r"(?:-s=?|--stack=)(.+)", word))]
    if len(found) > 1:
        raise UserError(f"stacks {' and '.join(found)} are named; name one")
    return found[0] if found else None


def refuse_remote(url: str) -> None:
    """Refuse an endpoint that is not on this machine.

    Args:
        url: such as `http://127.0.0.1:4566`.

    Raises:
        UserError: its host is neither `localhost` nor a loopback address.
    """
    host = urlsplit(url).hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        raise UserError(
            f"endpoint {url} is not on this machine; pulumi-local talks to loopback only: use plain pulumi for AWS"
        )


def pulumi_environment(cloud: client.LocalCloud) -> dict[str, str]:
    """Return the environment for pulumi: toolchain, local state and passphrase, and the local cloud alone.

    Args:
        cloud: the running local cloud.

    Returns:
        Variables for a child process, without any AWS or Pulumi setting of the caller's.
    """
    passphrase = cloud.state / "passphrase"
    if not passphrase.exists():
        new = passphrase.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(secrets.token_urlsafe(24), "utf-8")
        new.replace(passphrase)
    backend = cloud.state / "pulumi"
    backend.mkdir(parents=True, exist_ok=True)
    local = {"PULUMI_BACKEND_URL": backend.as_uri(), "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase)}
    return clean_environment() | cloud.environment | toolchain_environment() | local


def clean_environment() -> dict[str, str]:
    """Return this process's environment without any AWS, Pulumi or GitHub setting of the caller's."""
    return {
        key: value
        for key, value in os.environ.items()
        if key in OUTPUT_SETTINGS or not key.startswith(("AWS_", "PULUMI_", "GITHUB_"))
    }


def refuse_what_bypasses(arguments: list[str]) -> None:
    """Refuse arguments that would make pulumi read or write another stack file than the generated one.

    Args:
        arguments: pulumi's, sub-command first.

    Raises:
        UserError: with the remedy.
    """
    if arguments[0].startswith("-"):
        raise UserError(f"{arguments[0]} comes before the sub-command; put the sub-command first: up -s staging")
    for word in arguments:
        if word.split("=", 1)[0] in OWN_OPTIONS:
            raise UserError(f"{word} is not for pulumi-local, which chooses folder and stack file itself; leave it out")
    if arguments[0] == "config":
        stack_config.refuse(arguments[1:])


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
    folder = generated_folder(cloud)
    generated = folder / f"Pulumi.{stack}.yaml"
    secret_values = overlay.write(
        ROOT / f"Pulumi.{stack}.yaml", generated, endpoint=cloud.endpoint, image_arguments=cloud.images
    )
    if not list((cloud.state / "pulumi" / ".pulumi" / "stacks").glob(f"*/{stack}.json")):
        init = ["pulumi", "stack", "init", stack, "--no-select", "--non-interactive"]
        subprocess.run(init, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    if secret_values:
        pairs = [part for path, value in secret_values.items() for part in ("--secret", f"{path}={value}")]
        encrypt = ["pulumi", "config", "set-all", "--path", *pairs, "-s", stack, "--config-file", str(generated)]
        subprocess.run(encrypt, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return generated


def generated_folder(cloud: client.LocalCloud) -> Path:
    """Return the folder of the generated stack files.

    A copy of Pulumi.yaml lies there too, so that `pulumi stack init`, `rm` and the like, which write the stack file
    of the project they are started in, write the generated one.
    """
    folder = cloud.state / "stacks"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "Pulumi.yaml", folder / "Pulumi.yaml")
    return folder


def edits_stack_file(arguments: list[str]) -> bool:
    """Tell whether pulumi's arguments change the committed stack file and nothing else."""
    asks_for_help = {"-h", "--help"} & set(arguments)
    return arguments[0] == "config" and not asks_for_help and stack_config.command(arguments[1:]) in stack_config.EDITS


def edit_stack_file(arguments: list[str]) -> int:
    """Run a `pulumi config set` or the like on the committed stack file; return the exit code.

    Raises:
        UserError: no stack is named, or it has no file.
        stack_file.StackFileError: the file is no stack file.
    """
    stack = stack_of(arguments)
    if not stack:
        raise UserError("pulumi config needs a stack here; add: -s staging")
    environment = clean_environment() | toolchain_environment()
    return stack_config.edit(ROOT / f"Pulumi.{stack}.yaml", stack, arguments, environment)


def become_pulumi(cloud: client.LocalCloud, arguments: list[str]) -> NoReturn:
    """Become pulumi, with the local settings that its sub-command needs.

    This process is replaced, so that signals reach pulumi alone and it can end in its own way.

    Raises:
        UserError: the sub-command needs a stack.
    """
    command, stack = arguments[0], stack_of(arguments)
    environment = pulumi_environment(cloud)
    if command in READS_STACK_FILE and not stack and not {"-h", "--help"} & set(arguments):
        raise UserError(f"pulumi {command} needs a stack here; add: -s staging")
    if command in TAKES_A_STACK and stack:
        generated = prepare(cloud, stack, environment)
        if command in READS_STACK_FILE:
            arguments = [*arguments, "--config-file", str(generated)]
    os.chdir(generated_folder(cloud) if command == "stack" else ROOT)
    os.execvpe("pulumi", ["pulumi", *arguments], environment)  # noqa: S606 - no shell is meant


def main(arguments: list[str]) -> int:
    """Become pulumi; returns 1, with one line on stderr, when it cannot be started."""
    if not arguments or arguments[0] in ("--help-local", "--help", "-h"):
        print(HELP, end="")
        return 0
    try:
        refuse_what_bypasses(arguments)
        if edits_stack_file(arguments):
            return edit_stack_file(arguments)
        refuse_remote(os.environ.get("AWS_ENDPOINT_URL") or settings.load().endpoint)
        become_pulumi(client.running(), arguments)
    except (UserError, overlay.OverlayError, stack_file.StackFileError, ToolchainError) as error:
        print(f"pulumi-local: {error}", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"pulumi-local: {' '.join(error.cmd[:4])} failed, see above", file=sys.stderr)
    except FileNotFoundError as error:
        print(f"pulumi-local: {error.filename} is not there; run: make setup", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
