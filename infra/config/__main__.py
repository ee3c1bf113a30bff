"""`python -m infra.config`: print the reference of configuration keys, or validate stack files or a build context."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

import yaml

from infra import build_context
from infra.build_context import ROOT
from infra.config import context_rules, errors, loading, reference, secrets

if TYPE_CHECKING:
    from pathlib import Path

PLACEHOLDER = "set with pulumi config set --secret"


def main() -> int:
    """Run the command; returns 1 if what is validated is invalid, with one line for each problem."""
    parser = argparse.ArgumentParser(prog="python -m infra.config", description=__doc__)
    parser.add_argument("--check", nargs="+", metavar="FILE", help="validate these stack files, without their secrets")
    what = ("CONTEXT", "DOCKERFILE")
    parser.add_argument("--context", nargs=2, metavar=what, help="validate this build context, which no stack file has")
    given = parser.parse_args()
    if given.context and (reason := context_rules.problem(ROOT, *given.context)):
        print(f"{build_context.shown(given.context[0])}: {reason}", file=sys.stderr)
        return 1
    if not given.check and not given.context:
        sys.stdout.write(reference.render())
        return 0
    invalid = [file for file in given.check or () if _problems(ROOT / file)]
    return int(bool(invalid))


def _problems(path: Path) -> bool:
    """Print the problems of a stack file; return whether it has any."""
    try:
        project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text("utf-8"))["name"]
        config = yaml.safe_load(path.read_text("utf-8"))["config"]
        values = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    except (OSError, ValueError, yaml.YAMLError, TypeError, LookupError, AttributeError) as error:
        print(f"{path.name}: it is no stack file ({' '.join(str(error).split())})", file=sys.stderr)
        return True
    secret_values = dict.fromkeys(secrets.SECRETS, PLACEHOLDER)
    try:
        loading.load(
            values | secret_values,
            secret_keys=list(secret_values),
            stack=path.name.removeprefix("Pulumi.").removesuffix(".yaml"),
            organization="organization",
            project=project,
        )
    except errors.ConfigError as error:
        print(error, file=sys.stderr)
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
