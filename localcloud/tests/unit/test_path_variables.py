"""Variables of a build in the paths of its buildspec."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from localcloud.services.codebuild import build_results, path_variables
from localcloud.services.codebuild.buildspec import Files
from localcloud.services.codebuild.phase_error import PhaseError

if TYPE_CHECKING:
    from pathlib import Path


def run(tmp_path: Path, **own: str) -> Any:
    """Return as much of a build as looks for files; it has two sources."""
    for name in ("src/out/a.txt", "src/out/b.log", "src-source2/c.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    source, second = str(tmp_path / "src"), str(tmp_path / "src-source2")
    told = {"CODEBUILD_SRC_DIR": source, "CODEBUILD_SRC_DIR_source2": second, **own}
    return SimpleNamespace(variables=told, say=lambda *_rows: None)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Files(files=("**/*",), base="$CODEBUILD_SRC_DIR_source2"), ["c.txt"]),
        (Files(files=("**/*",), base="${CODEBUILD_SRC_DIR}/out"), ["a.txt", "b.log"]),
        (Files(files=("$CODEBUILD_SRC_DIR/out/*.txt",)), ["out/a.txt"]),
        (Files(files=("$PLACE/*",), exclude=("$PLACE/*.${END}",)), ["out/a.txt"]),
        (Files(files=("$CODEBUILD_SRC_DIR_source2/**/*",), discard=True), ["c.txt"]),
    ],
)
def test_an_artifact_is_found_by_the_builds_variables(tmp_path: Path, wanted: Files, names: list[str]) -> None:
    """By those that CodeBuild sets, and by those of the project or the buildspec."""
    build = run(tmp_path, PLACE="out", END="log")
    found = build_results.found(build, tmp_path / "src", wanted)
    assert [name for _, name in found] == names


def test_an_unknown_variable_is_named(tmp_path: Path) -> None:
    """Nothing is found by an empty text in its place."""
    with pytest.raises(PhaseError, match="no matching artifact paths found: the build has no variable NONE"):
        build_results.found(run(tmp_path), tmp_path / "src", Files(files=("**/*",), base="$NONE"))


def test_a_dollar_that_begins_no_name_stays() -> None:
    """Such as that of a Java class."""
    assert path_variables.expanded("a$.class $", {}) == "a$.class $"


def test_an_artifact_is_named_by_variables_and_by_no_command(tmp_path: Path) -> None:
    """AWS's shell would run the command; here it is refused by name."""
    build = run(tmp_path, CODEBUILD_BUILD_NUMBER="7")
    assert build_results.calculated(build, "builds/$CODEBUILD_BUILD_NUMBER/x") == "builds/7/x"
    for name, reason in (
        ("x-$(date)", "runs a command"),
        ("x-`date`", "runs a command"),
        ("$NONE", "no variable NONE"),
    ):
        with pytest.raises(PhaseError, match=reason):
            build_results.calculated(build, name)


def test_a_report_is_found_and_named_by_variables(tmp_path: Path) -> None:
    """Its group's name may be a variable, too."""
    build = run(tmp_path, GROUP="unit")
    group = {"arn": "arn:unit", "name": "p-unit", "type": "TEST", "exportConfig": {}}
    stored: dict[str, dict[str, object]] = {}
    (tmp_path / "src-source2" / "r.xml").write_text("<testsuite><testcase name='a'/></testsuite>")
    build.build = {"projectName": "p", "arn": "arn:build", "id": "p:1", "reportArns": []}
    build.spec = SimpleNamespace(reports={"$GROUP": Files(files=("*.xml",), base="$CODEBUILD_SRC_DIR_source2")})
    build.require = lambda *_about: None
    state = SimpleNamespace(now=lambda: 1.0, arn=str, groups={"report-group/p-unit": group})
    state.reports = SimpleNamespace(put=stored.__setitem__)

    async def call(function: object, *about: object) -> object:
        return function(*about)  # type: ignore[operator]

    client = SimpleNamespace(api=None)
    build.parts = SimpleNamespace(state=state, engine=SimpleNamespace(call=call, client=client))
    ((name, wanted),) = build.spec.reports.items()
    named = build_results.named(build, name)
    assert asyncio.run(build_results.reported(build, named, wanted, tmp_path / "src")) == ""
    assert [row["status"] for row in stored.values()] == ["SUCCEEDED"]
