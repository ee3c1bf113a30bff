"""The stack files of a new application: staging, which builds its images, and production with the pipeline."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from contract import containers
from contract.names import ENVIRONMENT_TAG, PROJECT, PROJECT_TAG
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from delivery.application.reading import Application

HEAD = """# {name} in {what}. Every key: docs/configuration.md. No secret belongs in this file.
"""
IN_PRODUCTION = {
    "backup_days": 7,
    "deletion_protection": True,
    "final_snapshot": True,
    "apply_immediately": False,
    "max_storage": 100,
    "alarms": dict[str, int](),
    "log_exports": True,
}
"""What a production database has beside a staging one's (docs/configuration.md)."""
LIKE_STAGING, LIKE_PRODUCTION = "staging", "prod"
"""The committed stacks whose region, tags and repository a new application takes over."""
FIRST, LAST = 30, 250
"""The range of N in the CIDR blocks 10.N.0.0/16 that are given to new stacks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stacks:
    """The names of an application's stacks, and the GitHub repository of its pipeline as `OWNER/NAME`."""

    staging: str
    production: str
    repository: str


def render(root: Path, of: Application, stacks: Stacks) -> dict[str, str]:
    """Return the text of both stack files by their names.

    Args:
        root: the folder of the stack files.
        of: the application.
        stacks: their names.

    Raises:
        DeliveryError: no CIDR block is free.
    """
    taken = _networks(root, besides={stacks.staging, stacks.production})
    cidrs = [block for number in range(FIRST, LAST) if not _overlaps(block := f"10.{number}.0.0/16", taken)][:2]
    if len(cidrs) != len((stacks.staging, stacks.production)):
        raise DeliveryError(f"the stack files use every network from 10.{FIRST}.0.0/16 on; write them by hand")
    staging = _common(root, of, stacks.staging, cidrs[0], desired_count=1, log_days=7)
    staging["slipway:registry"] = {"protect": False}
    production = _common(root, of, stacks.production, cidrs[1], desired_count=2, log_days=30)
    if of.database:
        production["slipway:environment"]["database"] |= IN_PRODUCTION
    production["slipway:images"] = {"from_stack": stacks.staging}
    production["slipway:pipeline"] = {
        "repository": stacks.repository, "staging": stacks.staging, "trigger": "connection", "approval": "manual",
        "parallel_tests": True, "check_branch": False,
    }  # fmt: skip
    production["github:owner"] = stacks.repository.partition("/")[0]
    return {
        f"Pulumi.{stacks.staging}.yaml": _text(of, "staging", staging),
        f"Pulumi.{stacks.production}.yaml": _text(of, "production, and its pipeline", production),
    }


def repository(root: Path) -> str:
    """Return the repository in the committed production stack file, empty if there is none."""
    section = _config(root / f"Pulumi.{LIKE_PRODUCTION}.yaml").get("slipway:pipeline")
    return str(section.get("repository", "")) if isinstance(section, dict) else ""


def _common(  # noqa: PLR0913 - what differs between the two
    root: Path, of: Application, stack: str, cidr: str, *, desired_count: int, log_days: int
) -> dict[str, Any]:
    like = _config(root / f"Pulumi.{LIKE_STAGING}.yaml")
    environment: dict[str, Any] = {
        "network": {"cidr": cidr},
        "services": {of.name: _service(of) | {"desired_count": desired_count}},
    }
    if of.database:
        environment["database"] = {"instance_class": "db.t4g.micro"}
    return {
        "aws:region": like.get("aws:region", "eu-central-1"),
        "aws:defaultTags": {"tags": {PROJECT_TAG: PROJECT, ENVIRONMENT_TAG: stack}},
        "slipway:environment": environment | {"log_retention_days": log_days},
    }


def _service(of: Application) -> dict[str, Any]:
    service: dict[str, Any] = {"context": of.context}
    service |= {"dockerfile": of.dockerfile} if of.dockerfile != "Dockerfile" else {}
    service |= {"target": of.target} if of.target else {}
    service |= {
        "port": of.port,
        "health_check": {"path": of.health_path, "status": of.health_status},
        "writable": [*containers.WRITABLE],
    }
    service |= {"environment": of.environment} if of.environment else {}
    service |= {"database_variables": of.database_variables} if of.database_variables else {}
    return service


def _text(of: Application, what: str, config: dict[str, Any]) -> str:
    body = yaml.safe_dump({"config": config}, sort_keys=False, width=120, default_flow_style=False)
    return HEAD.format(name=of.name, what=what) + body


def _config(path: Path) -> dict[str, Any]:
    """Return a stack file's configuration, empty if there is no valid one."""
    try:
        config = yaml.safe_load(path.read_text("utf-8"))["config"]
    except (OSError, ValueError, yaml.YAMLError, TypeError, LookupError):
        return {}
    return config if isinstance(config, dict) else {}


def problems(root: Path, files: Sequence[str]) -> str:
    """Return what is wrong with stack files, one line for each problem; empty if they are valid."""
    return _checked(root, "--check", *files)


def context_problem(root: Path, context: str, dockerfile: str) -> str:
    """Return what the pipeline lacks of a build context that no stack file has, in one line; empty if nothing."""
    return _checked(root, "--context", context, dockerfile)


def _checked(root: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "infra.config", *arguments]
    checked = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    lines = (checked.stdout + checked.stderr).splitlines() if checked.returncode else []
    return "\n".join(line for line in lines if line)


def configurations(root: Path) -> dict[str, dict[str, Any]]:
    """Return the configuration of each stack file by the stack's name."""
    return {path.name.split(".")[1]: _config(path) for path in sorted(root.glob("Pulumi.*.yaml"))}


def _networks(root: Path, besides: set[str]) -> list[ipaddress.IPv4Network]:
    found = []
    for stack, config in configurations(root).items():
        environment = config.get("slipway:environment")
        network = environment.get("network") if isinstance(environment, dict) else None
        cidr = network.get("cidr", "10.0.0.0/16") if isinstance(network, dict) else "10.0.0.0/16"
        try:
            found += [ipaddress.IPv4Network(cidr)] if stack not in besides else []
        except ValueError:
            continue
    return found


def _overlaps(block: str, taken: list[ipaddress.IPv4Network]) -> bool:
    return any(ipaddress.IPv4Network(block).overlaps(one) for one in taken)
