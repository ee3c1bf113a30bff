"""Build contexts with files that the pipeline's source archive has not: submodules, repositories, Git LFS, links."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from infra import build_context
from infra.config import service_rules, source_archive
from tests.unit.infra.test_config import problems, service

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
SUBMODULE = '[submodule "library"]\n\tpath = {}\n\turl = ../library.git\n'
LFS = "filter=lfs diff=lfs merge=lfs -text"
LEFT_OUT = "which the pipeline's source archive leaves out"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with the build context `services/api`."""
    return written(tmp_path, {"services/api/Dockerfile": "FROM a\n", "services/api/src/model.bin": "content\n"})


def written(root: Path, files: Mapping[str, str]) -> Path:
    """Write files into a repository."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return root


def found(root: Path, context: str = "services/api") -> str | None:
    """Return what the archive lacks of a context."""
    folder = root / context
    files = list(build_context.context_files(folder))
    return source_archive.problem(root, folder, files, ("Dockerfile", ".dockerignore"))


def test_a_context_of_committed_files_lacks_nothing(root: Path) -> None:
    """Whatever submodules, LFS files and attributes are elsewhere."""
    elsewhere = SUBMODULE.format("services/api2") + SUBMODULE.format("docs/theme") + "[submodule]\n\tpath\n"
    written(
        root,
        {
            ".gitmodules": elsewhere,
            ".git/config": "",
            ".gitattributes": f"# all\n\n*.psd {LFS}\n/docs/** {LFS}\n*.bin text=auto\n",
            "docs/a.bin": POINTER,
        },
    )
    assert found(root) is None


@pytest.mark.parametrize("path", ["services/api", "services", "./services/", '"services"'])
def test_a_context_in_a_submodule_is_refused(root: Path, path: str) -> None:
    """The archive has an empty folder there."""
    written(root, {".gitmodules": SUBMODULE.format("other") + SUBMODULE.format(path)})
    name = path.strip('"./')
    assert found(root) == f"{name} is a Git submodule, {LEFT_OUT}; commit its files instead"


def test_a_submodule_in_a_context_is_refused_unless_docker_does_not_get_it(root: Path) -> None:
    """Even where it is not checked out."""
    written(root, {".gitmodules": SUBMODULE.format("services/api/vendor/x")})
    assert found(root) == (
        f"services/api/vendor/x is a Git submodule, {LEFT_OUT}; commit its files instead, or exclude it in "
        f"services/api/.dockerignore"
    )
    written(root, {"services/api/.dockerignore": "vendor\n", "services/api/vendor/x/a.c": ""})
    assert found(root) is None
    written(root, {"services/api/.dockerignore": "vendor\n!vendor/x/a.c\n"})
    assert found(root) is not None


@pytest.mark.parametrize("git", [".git", ".git/HEAD"], ids=["file", "folder"])
@pytest.mark.parametrize("folder", ["services/api", "services/api/src/x"])
def test_another_repository_in_a_context_is_refused(root: Path, folder: str, git: str) -> None:
    """Git commits only its hash; that Docker does not get its `.git` does not matter."""
    written(root, {f"{folder}/{git}": "", "services/api/.dockerignore": "**/.git\n", f"{folder}/a.py": ""})
    reason = found(root)
    assert reason is not None
    assert reason.startswith(f"{folder} is a Git repository of its own, {LEFT_OUT}; remove its .git and commit its f")
    written(root, {"services/api/.dockerignore": "*\n!Dockerfile\n"})
    assert (found(root) is None) == folder.endswith("src/x")


def test_a_pointer_of_git_lfs_is_refused_unless_docker_does_not_get_it(root: Path) -> None:
    """The image would have the pointer; a text about pointers is none."""
    written(root, {"services/api/src/model.bin": POINTER, "services/api/notes.md": f"It begins with {POINTER}"})
    assert found(root) == (
        "services/api/src/model.bin is in Git LFS, and the pipeline's source archive has its pointer only; commit the "
        "content itself, download it in the Dockerfile, or exclude it in services/api/.dockerignore"
    )
    written(root, {"services/api/.dockerignore": "**/*.bin\n"})
    assert found(root) is None


@pytest.mark.parametrize(
    ("file", "lines", "is_in_lfs"),
    [
        (".gitattributes", f"*.bin {LFS}", True),
        (".gitattributes", f"model.bin {LFS}", True),
        (".gitattributes", f"services/api/src/*.bin {LFS}", True),
        (".gitattributes", f"/services/**/*.bin {LFS}", True),
        (".gitattributes", f"services/** {LFS}", True),
        (".gitattributes", f'"*.bin" {LFS}', True),
        (".gitattributes", f"model[.]bin\t{LFS}", True),
        (".gitattributes", f"src/*.bin {LFS}", False),
        (".gitattributes", f"/*.bin {LFS}", False),
        (".gitattributes", f"services/ {LFS}", False),
        (".gitattributes", f"services {LFS}", False),
        (".gitattributes", f"*.bin {LFS}\n*.bin -filter", False),
        (".gitattributes", f"*.bin {LFS}\nmodel.* !filter", False),
        (".gitattributes", f"*.bin filter=other\nmodel.* {LFS}", True),
        (".gitattributes", f"a[[:space:]]b.bin {LFS}", False),
        (".gitattributes", f"[ {LFS}\n#*.bin {LFS}", False),
        ("services/.gitattributes", f"api/src/* {LFS}", True),
        ("services/api/src/.gitattributes", f"/*.bin {LFS}", True),
        ("services/web/.gitattributes", f"*.bin {LFS}", False),
    ],
)
def test_attributes_say_which_files_are_in_git_lfs(root: Path, file: str, lines: str, *, is_in_lfs: bool) -> None:
    """As Git reads them, for which it is asked too; with LFS installed the checkout has the content."""
    written(root, {file: f"{lines}\n"})
    assert bool(found(root)) is is_in_lfs
    git = shutil.which("git")
    assert git
    path = "services/api/src/model.bin"
    subprocess.run([git, "init", "--quiet"], cwd=root, check=True)
    asked = [git, "check-attr", "filter", path]
    told = subprocess.run(asked, cwd=root, check=True, capture_output=True, text=True).stdout
    assert told.endswith(": lfs\n") is is_in_lfs


def test_attributes_nearer_to_a_file_win(root: Path) -> None:
    """As Git reads them."""
    written(root, {".gitattributes": f"*.bin {LFS}\n", "services/api/.gitattributes": "src/* -filter\n"})
    assert found(root) is None


def test_several_files_in_git_lfs_are_one_line(root: Path) -> None:
    """With the first of them."""
    written(root, {".gitattributes": f"*.bin {LFS}\n", "services/api/a b.bin": "", "services/api/c.txt": POINTER})
    reason = found(root)
    assert reason is not None
    assert reason.startswith("services/api/a b.bin and 2 more are in Git LFS, and the pipeline's source archive has ")


def test_a_space_in_a_pattern_is_written_as_git_lfs_writes_it(root: Path) -> None:
    """`git lfs track` writes `[[:space:]]`."""
    written(root, {".gitattributes": f"a[[:space:]]b.bin {LFS}\n", "services/api/a b.bin": ""})
    assert (found(root) or "").startswith("services/api/a b.bin is in Git LFS")


@pytest.mark.parametrize("target", ["Dockerfile", "src", "/etc", "none"])
def test_a_symbolic_link_is_refused_unless_docker_does_not_get_it(root: Path, target: str) -> None:
    """The image would have a text file; wherever the link leads."""
    (root / "services/api/shared").symlink_to(target)
    assert found(root) == (
        "services/api/shared is a symbolic link, which the pipeline's source archive stores as text; commit a copy of "
        "its target, create the link in the Dockerfile, or exclude it in services/api/.dockerignore"
    )
    written(root, {"services/api/.dockerignore": "shared\n"})
    assert found(root) is None


def test_several_symbolic_links_are_one_line(root: Path) -> None:
    """With the first of them; a name of any bytes is escaped."""
    for name in ("\udce9", "b", "src/c"):
        (root / "services/api" / name).symlink_to("Dockerfile")
    assert (found(root) or "").startswith("services/api/b and 2 more are symbolic links, which the pipeline's source")
    (root / "services/api/b").unlink()
    (root / "services/api/src/c").unlink()
    assert (found(root) or "").startswith('"services/api/\\udce9" is a symbolic link, ')


@pytest.mark.parametrize("name", ["Dockerfile", ".dockerignore"])
def test_a_link_that_docker_reads_is_refused_even_if_it_is_excluded(root: Path, name: str) -> None:
    """Its text would be the target's name."""
    written(root, {"services/api/other": "*\n"})
    (root / "services/api" / name).unlink(missing_ok=True)
    (root / "services/api" / name).symlink_to("other")
    if name == "Dockerfile":
        written(root, {"services/api/.dockerignore": "*\n"})
    assert found(root) == (
        f"services/api/{name} is a symbolic link, which the pipeline's source archive stores as text; commit a copy of "
        f"its target"
    )


@pytest.mark.parametrize("context", ["linked", "services/../linked", "linked/api"])
def test_a_context_behind_a_link_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch, context: str) -> None:
    """The pipeline finds a text file there."""
    (root / "linked").symlink_to("services" if context.endswith("api") else "services/api")
    monkeypatch.setattr(service_rules, "ROOT", root)
    assert problems(service(context=context)) == [
        f'Pulumi.staging.yaml: slipway:environment.services.web.context is "{context}"; it leads through a symbolic '
        "link, which the pipeline's source archive stores as text; set the folder itself"
    ]


def test_a_context_that_the_archive_lacks_is_reported_in_one_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File, key, value, rule and remedy."""
    written(root, {".gitmodules": SUBMODULE.format("services/api")})
    monkeypatch.setattr(service_rules, "ROOT", root)
    assert problems(service(context="services/api")) == [
        'Pulumi.staging.yaml: slipway:environment.services.web.context is "services/api"; services/api is a Git '
        f"submodule, {LEFT_OUT}; commit its files instead"
    ]


def test_a_file_of_any_name_is_reported_in_one_line(root: Path) -> None:
    """Escaped as values are."""
    written(root, {"services/api/src/a\nü.bin": POINTER})
    assert (found(root) or "").startswith('"services/api/src/a\\n\\u00fc.bin" is in Git LFS')
