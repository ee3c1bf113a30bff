"""`bin/pulumi-local`: run any pulumi sub-command against the local cloud, with the same program and stacks.

The state is in `.localcloud/pulumi`, the stack file is a generated copy in `.localcloud/stacks`, and every setting
that could reach a real AWS account is removed from the environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NoReturn

from contract.names import PROJECT
from localcloud import client, settings
from localcloud.settings import UserError
from tools import stacks
from tools.local_settings import ROOT
from tools.pulumi_local import locks, overlay, stack_config, stack_file
from tools.pulumi_local.arguments import (
    READS_STACK_FILE,
    TAKES_A_STACK,
    edits_stack_file,
    refuse_what_bypasses,
    stack_of,
)
from tools.pulumi_local.environment import clean_environment, pulumi_environment, refuse_remote
from tools.toolchain import ToolchainError
from tools.toolchain import environment as toolchain_environment

if TYPE_CHECKING:
    from pathlib import Path

HELP = """usage: pulumi-local [--help-local] COMMAND -s STACK [ARGUMENTS OF PULUMI]

Runs `pulumi COMMAND` against the local cloud: same program, same stack files, state in .localcloud/pulumi.
Start the local cloud first: make up. Examples:
  pulumi-local preview -s staging
  pulumi-local up -s staging --yes
  pulumi-local destroy -s staging --yes
  pulumi-local config set --path 'slipway:environment.services.web.cpu' 512 -s staging   (writes Pulumi.staging.yaml)
"""


def prepare(cloud: client.LocalCloud, stack: str, environment: dict[str, str]) -> Path:
    """Write the local stack file and create the stack in the local backend if it does not exist.

    Args:
        cloud: the running local cloud.
        stack: the stack's name.
        environment: the variables that `pulumi_environment` returns.

    Returns:
        The generated stack file.

    Raises:
        overlay.OverlayError: the committed stack file is missing or invalid.
        subprocess.CalledProcessError: pulumi failed to create the stack and has printed why.
    """
    folder = generated_folder(cloud)
    generated = folder / f"Pulumi.{stack}.yaml"
    secret_values = overlay.write(
        ROOT / f"Pulumi.{stack}.yaml", generated, endpoint=cloud.endpoint, image_arguments=cloud.images
    )
    if not (cloud.state / "pulumi" / ".pulumi" / "stacks" / PROJECT / f"{stack}.json").exists():
        init = ["pulumi", "stack", "init", stack, "--no-select", "--non-interactive"]
        subprocess.run(init, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    if secret_values:
        pairs = [part for path, value in secret_values.items() for part in ("--secret", f"{path}={value}")]
        encrypt = ["pulumi", "config", "set-all", "--path", *pairs, "-s", stack, "--config-file", str(generated)]
        subprocess.run(encrypt, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return generated


def generated_folder(cloud: client.LocalCloud) -> Path:
    """Return the folder of the generated stack files.

    It also has a copy of Pulumi.yaml, so that commands such as `pulumi stack init` and `rm`, which write the stack
    file of the current project, write the generated one.
    """
    folder = cloud.state / "stacks"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "Pulumi.yaml", folder / "Pulumi.yaml")
    return folder


def edit_stack_file(arguments: list[str]) -> int:
    """Run a command such as `pulumi config set` on the committed stack file; return the exit code.

    Raises:
        UserError: no stack is named, or it has no stack file.
        stack_file.StackFileError: the file is not a valid stack file.
    """
    stack = stack_of(arguments)
    if not stack:
        raise UserError("pulumi config needs a stack here; add: -s staging")
    environment = clean_environment() | toolchain_environment()
    return stack_config.edit(ROOT / f"Pulumi.{stack}.yaml", stack, arguments, environment)


def become_pulumi(cloud: client.LocalCloud, arguments: list[str]) -> NoReturn:
    """Replace this process by pulumi, with the local settings that its sub-command needs.

    Signals then reach pulumi directly, so that it can shut down cleanly.

    Raises:
        UserError: the sub-command needs a stack and none is named.
    """
    command, stack = arguments[0], stack_of(arguments)
    environment = pulumi_environment(cloud)
    if command in READS_STACK_FILE and not stack and not {"-h", "--help"} & set(arguments):
        raise UserError(f"pulumi {command} needs a stack here; add: -s staging")
    export = arguments[:2] == ["stack", "export"]  # which shall say that there is no stack, and needs no lock
    if command in TAKES_A_STACK and stack and not export:
        if locks.release(cloud.state / "pulumi", stack):
            adopt(stack)
        generated = prepare(cloud, stack, environment)
        if command in READS_STACK_FILE:
            arguments = [*arguments, "--config-file", str(generated)]
    os.chdir(generated_folder(cloud) if command == "stack" else ROOT)
    os.execvpe("pulumi", ["pulumi", *arguments], environment)  # noqa: S606 - no shell is meant


def adopt(stack: str) -> None:
    """Let Pulumi adopt what a killed `pulumi` was creating, so that the next one does not create it twice.

    Raises:
        UserError: that failed, and has said why.
    """
    command = [*stacks.DELIVERY, "clean", "--stack", stack, "--adopt"]
    if subprocess.run(command, cwd=ROOT, check=False, stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode:
        raise UserError(f"put that right, then run: bin/delivery-local clean --stack {stack}, and this again")


def main(arguments: list[str]) -> int:
    """Replace this process by pulumi; returns 1, with one line on stderr, if it cannot be started."""
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
