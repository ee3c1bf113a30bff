"""Locks: every installed package has a version and hashes, every import is declared, every command uses a lock."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from tools import make_venv
from tools.locks import LOCKS, pinned

ROOT = Path(__file__).resolve().parents[2]
OURS = {"app", "buildlog", "contract", "delivery", "diagnosis", "guestbook", "infra", "localcloud", "tests", "tools"}
OURS |= {"apis", "host", "support", "unit"}  # top-level names imported from folders of tests or programs
# Modules whose names differ from their package's.
PACKAGE = {
    "google": "protobuf",
    "grpc": "grpcio",
    "markdown_it": "markdown-it-py",
    "psycopg_pool": "psycopg",
    "yaml": "pyyaml",
    "dotenv": "python-dotenv",
}
# The files that declare each folder's imports.
DECLARED_IN = {
    "__main__.py": ["requirements.in"],
    "buildlog": [],
    "diagnosis": [],
    "contract": [],
    "infra": ["requirements.in"],
    "delivery": ["delivery/requirements.in"],
    "localcloud/src": ["localcloud/requirements.in"],
    "localcloud/tests": ["localcloud/requirements.in", "requirements.in", "requirements-dev.in"],
    "tools/toolchain": ["requirements.in"],
    "tools": ["requirements.in", "requirements-dev.in"],
    "conftest.py": ["requirements.in"],
    "tests/checkov": ["tests/checkov/requirements.in"],
    "tests/contract/page_visit.py": ["app/requirements-acceptance.in", "requirements-dev.in"],  # runs in that image
    "tests": ["requirements.in", "requirements-dev.in"],
    "app/src": ["app/pyproject.toml"],
    "app/tests/unit": ["app/pyproject.toml", "app/requirements-dev.in"],
    "app/tests/integration": ["app/pyproject.toml", "app/requirements-dev.in"],
    "app/tests/image": ["app/requirements-dev.in"],
    "app/tests/acceptance": ["app/requirements-acceptance.in"],
}
STUBS = "types-"
"""Prefix of type stubs: only the type checker uses them, so they are declared with it."""
# Commands that install packages, as shell text or lists of arguments.
INSTALLS = re.compile(
    r"\b(pip3?|uv pip)\W+(install|wheel|download|sync)\b|\b(pipx|uvx|uv (run|tool|add|sync)|easy_install)\b"
)
FROM_ELSEWHERE = re.compile(r"\b(npm (i|install|ci|exec)|npx|go install|go get|cargo install|gem install)\b")
SAFE = (("--require-hashes", "--no-deps"), ("--no-index",))
UNREAD = ("tests/unit/", "tests/stack/", "tools/make_venv.py")
"""Files that mention commands without running them, and the one that tests/contract/test_poisoned_index.py covers."""


FOREIGN = ("tests/apps/hello/", "tests/apps/notes/", "tests/apps/site/", "docs/tutorial.md")
"""Applications as others write them, without locks."""


def tracked(*patterns: str) -> list[str]:
    """Return the repository's files but those of foreign applications, including untracked ones."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    return [
        name for name in done.stdout.split("\n") if name and not name.startswith(FOREIGN) and (ROOT / name).is_file()
    ]


def normal(name: str) -> str:
    """Return the normalized name of a package or module."""
    return re.sub(r"[-_.]+", "-", name).lower()


def asked(source: str) -> dict[str, str]:
    """Return the packages that a file requires, with the comments that give the reasons."""
    text = (ROOT / source).read_text("utf-8")
    if source.endswith(".toml"):
        lines = [f"{each}  # listed" for each in tomllib.loads(text)["project"]["dependencies"]]
    else:
        lines = [line for line in text.splitlines() if line and not line.startswith(("#", "-"))]
    return {normal(re.split(r"[\[<>=~! ]", line)[0]): line.partition("#")[2].strip() for line in lines}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_has_one_version_and_hashes(lock: str) -> None:
    """It contains nothing else: no URL, no local file, no package index."""
    text = re.sub(r"(?m)^ *#.*\n", "", (ROOT / lock).read_text("utf-8"))
    entries = re.split(r"\n(?! )", text.strip())
    for entry in entries:
        assert re.fullmatch(
            r"[\w.-]+(\[[\w,-]+\])?==[\w.+!]+( ; [^\\]+?)?( \\\n    --hash=sha256:[0-9a-f]{64})+", entry
        ), entry
    assert len(entries) == len(pinned(ROOT / lock))


@pytest.mark.parametrize(("lock", "source"), LOCKS.items(), ids=LOCKS)
def test_a_lock_has_what_is_asked_for_and_each_line_there_says_why(lock: str, source: str) -> None:
    """`make lock` has been run after the last change of requirements."""
    locked, wanted = pinned(ROOT / lock), asked(source)
    assert wanted.keys() <= locked.keys()
    assert all(wanted.values()), wanted
    for name, version in re.findall(r"(?m)^([\w.-]+)==(\S+)", (ROOT / source).read_text("utf-8")):
        assert locked[name] == version


def test_every_requirements_file_is_a_lock() -> None:
    """The source of every one in the repository is known."""
    assert set(tracked("*requirements*.txt")) == set(LOCKS)


def test_what_both_sides_install_is_of_one_version() -> None:
    """Constraints keep locks consistent that are installed together."""
    for smaller, larger in (
        ("requirements.txt", "requirements-dev.txt"),
        ("delivery/requirements.txt", "requirements.txt"),
    ):
        assert pinned(ROOT / smaller).items() <= pinned(ROOT / larger).items()


def imported() -> dict[str, dict[str, str]]:
    """Return the packages that each folder imports, each with an importing file."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for name in tracked("*.py"):
        folder = next((each for each in DECLARED_IN if name == each or name.startswith(f"{each}/")), "")
        for node in ast.walk(ast.parse((ROOT / name).read_text("utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            for root in {module.split(".")[0] for module in modules} - OURS - sys.stdlib_module_names:
                found[folder][PACKAGE.get(root, normal(root))] = name
    return found


def test_whatever_is_imported_is_declared() -> None:
    """It must not depend on other packages' requirements."""
    for folder, packages in imported().items():
        declared = {name for source in DECLARED_IN.get(folder, []) for name in asked(source)}
        declared |= {name for name in asked("requirements-dev.in") if name.startswith(STUBS)}
        missing = {package: file for package, file in packages.items() if package not in declared}
        assert not missing, (folder, missing)


def commands(name: str) -> list[str]:
    """Return a file's lines with continuations joined; of a document those of its code blocks."""
    text = (ROOT / name).read_text("utf-8", "replace")
    if name.endswith(".md"):
        text = "\n".join(re.findall(r"(?ms)^```\w*\n(.*?)^```", text))
    return re.split(r"\n|&&|;", re.sub(r"\\\n *", " ", text))


def test_nothing_installs_a_package_outside_of_a_lock() -> None:
    """Each command that installs requires hashes and resolves no dependencies, or uses no index."""
    found = 0
    for name in tracked():
        if name.startswith(UNREAD):
            continue
        for line in commands(name):
            assert not FROM_ELSEWHERE.search(line), (name, line)
            if INSTALLS.search(line):
                found += 1
                assert any(all(word in line for word in words) for words in SAFE), (name, line)
    assert found >= len(LOCKS)


def test_virtual_environments_are_made_with_hashes_and_without_resolution() -> None:
    """By pip and by uv."""
    text = Path(make_venv.__file__).read_text("utf-8")
    assert {"--require-hashes", "--no-deps"} <= set(make_venv.LOCKED)
    assert text.count('"install"') == text.count("*LOCKED") > 1


def test_every_base_image_is_named_by_tag_and_digest_and_one_tag_by_one_digest() -> None:
    """Builds use the same base images from any registry at any time."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in tracked("*Dockerfile", "*.yaml", "*.yml", "*.py", "*.json"):
        if not name.startswith("tests/unit/"):
            text = (ROOT / name).read_text("utf-8")
            for image, digest in re.findall(r"docker/library/([a-z]+:[\w.-]+)(@sha256:[0-9a-f]{64})?", text):
                found[image].add(digest)
    assert found
    assert all(len(digests) == 1 and "" not in digests for digests in found.values()), dict(found)
