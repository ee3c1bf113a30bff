"""The layering of imports; `infra` does not refer to the local cloud or to a stack's name."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The packages that each package may import: those that build images also parse build logs.
MAY_IMPORT: dict[str, set[str]] = {
    "buildlog": set(),
    "diagnosis": set(),
    "contract": set(),
    "infra": {"buildlog", "contract", "diagnosis"},
    "delivery": {"buildlog", "contract", "diagnosis"},
    "localcloud": set(),
    "tools": {"localcloud", "contract"},
    "app": set(),
}
COMPOSERS = {"infra.stack", "infra.stack_pipeline"}
ROOMS = {
    "aws": set[str](),
    "config": {"infra.aws", "infra.build_context"},
    "environment": {"infra.aws", "infra.config", "infra.build_context", "infra.private_bucket"},
    "live": {"infra.aws", "infra.config", "infra.clients"},
    "pipeline": {"infra.aws", "infra.config", "infra.private_bucket"},
    "previews": {"infra.aws", "infra.config"},
}
"""The packages that each subpackage of `infra` may import, besides itself and the contract."""


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports, `from a import b` as `a` and `a.b`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def sources(package: str) -> list[Path]:
    """Return a package's Python files."""
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_packages_do_not_import_one_another(package: str) -> None:
    """Each can be read, tested and removed on its own."""
    forbidden = set(MAY_IMPORT) | {"tests"}
    forbidden -= {package} | MAY_IMPORT[package]
    for path in sources(package):
        roots = {name.split(".")[0] for name in imports(path)}
        assert not roots & forbidden, path


def test_what_builds_import_needs_no_package() -> None:
    """The contract and the parser of build logs only use the standard library, so that they run with any Python."""
    for path in [*sources("contract"), *sources("buildlog"), *sources("diagnosis")]:
        roots = {name.split(".")[0] for name in imports(path)} - {"contract", "buildlog", "diagnosis"}
        assert roots <= sys.stdlib_module_names, path


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_of_infra_imports_what_lies_below_it(room: str) -> None:
    """Dependencies go from components to configuration to pure functions, never back or sideways."""
    for path in sources(f"infra/{room}"):
        ours = {name for name in imports(path) if name.startswith("infra.")}
        allowed = {f"infra.{room}", *ROOMS[room]}
        assert not [name for name in ours if not name.startswith(tuple(allowed))], path


def test_components_do_not_import_one_another() -> None:
    """They are composed in one place."""
    for room in ("environment", "pipeline", "previews"):
        components = {
            path.stem for path in sources(f"infra/{room}") if "(pulumi.ComponentResource)" in path.read_text()
        }
        for path in sources(f"infra/{room}"):
            runtime = {name.split(".")[2] for name in imports(path) if name.startswith(f"infra.{room}.")}
            if path.stem in components:
                assert not runtime & components, path


def test_only_the_composers_import_components() -> None:
    """Any other user of a component would be a second place that defines the architecture."""
    for path in [path for path in sources("infra") if path.parent.name == "infra"]:
        if f"infra.{path.stem}" not in COMPOSERS:
            rooms = {name.split(".")[1] for name in imports(path) if name.startswith("infra.")}
            assert not rooms & {"environment", "pipeline", "previews"}, path


@pytest.mark.parametrize(
    "path", [*sources("infra/aws"), ROOT / "infra" / "build_context.py"], ids=lambda path: path.stem
)
def test_pure_modules_know_nothing_of_pulumi(path: Path) -> None:
    """They are pure functions of plain values."""
    assert not {name for name in imports(path) if name.split(".")[0] in {"pulumi", "pulumi_aws", "boto3"}}


def test_only_the_program_asks_pulumi_for_its_stack_and_configuration() -> None:
    """All other modules get plain values."""
    for path in sources("infra"):
        text = path.read_text("utf-8")
        for word in ("get_stack(", "pulumi.Config", "pulumi.export", "get_project(", "get_organization("):
            assert word not in text, (path, word)


def test_infra_knows_no_emulator() -> None:
    """Local differences are configuration, never code."""
    for path in [*sources("infra"), ROOT / "__main__.py", ROOT / "Pulumi.staging.yaml", ROOT / "Pulumi.prod.yaml"]:
        text = path.read_text("utf-8").lower()
        for word in ("localcloud", "localhost", "127.0.0.1", "ministack", "localstack", "emulator"):
            assert word not in text, (path, word)


def test_no_code_of_infra_names_a_stack() -> None:
    """A section in the stack file enables a feature; the stack's name does not."""
    for path in [*sources("infra"), ROOT / "__main__.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                # There `staging` is also the name of a key.
                key = path.parent.name == "config" and node.value == "staging"
                assert key or node.value not in {"staging", "prod", "production"}, path


def test_the_program_is_short() -> None:
    """At most fifteen lines of code: read configuration, build, export."""
    lines = (ROOT / "__main__.py").read_text("utf-8").splitlines()
    assert len([line for line in lines if line.strip()]) <= 15


def test_no_component_uses_a_provider_of_its_own() -> None:
    """An explicit provider ignores all `aws:` keys of the stack file."""
    for path in sources("infra"):
        assert "Provider(" not in path.read_text("utf-8"), path
