"""The README's picture matches the stacks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tools import picture

if TYPE_CHECKING:
    from pathlib import Path


def changed(folder: Path, stack: str, name: str, /, **inputs: object) -> picture.Picture:
    """Return the picture of the golden files with changed inputs of one resource."""
    for source in picture.GOLDEN.glob("*.json"):
        (folder / source.name).write_text(source.read_text("utf-8"), "utf-8")
    path = folder / f"{stack}.json"
    golden = json.loads(path.read_text("utf-8"))
    golden["resources"][name]["inputs"].update(inputs)
    path.write_text(json.dumps(golden), "utf-8")
    return picture.read(folder)


def test_the_committed_picture_is_the_one_that_the_script_draws() -> None:
    """A change of the pipeline or of an environment must include its picture."""
    assert picture.PICTURE.read_text("utf-8") == picture.draw(picture.read()), "run: python -m tools.picture"


def test_stages_and_actions_are_those_of_the_declared_pipeline(tmp_path: Path) -> None:
    """A removed stage is not drawn; actions are in run order."""
    name = "aws:codepipeline/pipeline:Pipeline prod"
    declared = json.loads((picture.GOLDEN / "prod.json").read_text("utf-8"))["resources"][name]["inputs"]["stages"]
    assert [stage.title for stage in picture.read().stages] == [stage["name"] for stage in declared]
    found = changed(tmp_path, "prod", name, stages=[stage for stage in declared if stage["name"] != "Approval"])
    assert "Approval" not in picture.draw(found)
    staging = next(stage for stage in found.stages if stage.title == "Staging")
    assert [name for name, _ in staging.boxes] == ["Deploy", "Acceptance", "Promote"]


def test_an_environment_shows_its_own_figures(tmp_path: Path) -> None:
    """Each stage points to the stack that it deploys to."""
    found = changed(tmp_path, "staging", "aws:ecs/service:Service staging-web", desiredCount=7)
    assert ("ECS service web", "7 Fargate tasks") in found.environments["Staging"].boxes
    assert ("ECS service web", "2 Fargate tasks") in found.environments["Production"].boxes


def test_names_are_escaped(tmp_path: Path) -> None:
    """A name with XML's special characters keeps the picture well-formed."""
    found = changed(tmp_path, "staging", "aws:ecr/repository:Repository web", name="a<b&c")
    assert "a&lt;b&amp;c" in picture.draw(found)
