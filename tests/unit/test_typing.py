"""The parts of pulumi_aws that mypy checks: all that the program uses, so that none of them is `Any`."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def read_by_mypy() -> set[str]:
    """Return the parts of pulumi_aws that pyproject.toml lists, such as `ecs` or `get_region`."""
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mypy"]["overrides"]
    (listed,) = (each["module"] for each in overrides if each.get("follow_imports") == "normal")
    return {name.split(".")[1] for name in listed if "." in name}


def named_in(path: Path) -> set[str]:
    """Return the parts of pulumi_aws, imported as `aws`, that a file uses: `ecs` of `aws.ecs.Service`."""
    tree = ast.parse(path.read_text("utf-8"))
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
    return {node.attr for node in names if isinstance(node.value, ast.Name) and node.value.id == "aws"}


def test_mypy_reads_every_part_of_pulumi_aws_that_the_program_names() -> None:
    """A missing one would be `Any`; an unused one costs seconds."""
    program = [ROOT / "__main__.py", *(ROOT / "infra").rglob("*.py")]
    named = {name for path in program for name in named_in(path) if name[0].islower()}
    own = {"provider", "outputs"}  # with `_inputs` and others: used by every part
    assert {name for name in read_by_mypy() - own if not name.startswith("_")} == named


def test_the_program_names_pulumi_aws_in_one_way() -> None:
    """It is imported as `aws`, else the previous test would miss it."""
    for path in [ROOT / "__main__.py", *(ROOT / "infra").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("pulumi_aws"), path
            elif isinstance(node, ast.Import):
                given = [(each.name, each.asname) for each in node.names if each.name.startswith("pulumi_aws")]
                assert given in ([], [("pulumi_aws", "aws")]), path
