"""The README's picture: the release pipeline and the environments that it deploys to.

usage: python -m tools.picture

Writes docs/pipeline.svg from the golden files of tests/stack, which record what the committed stack files declare.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests/stack/golden"
PICTURE = ROOT / "docs/pipeline.svg"
PIPELINE_STACK = "prod"
BUILD = "Build"
PROVIDERS = {"CodeStarSourceConnection": "CodeConnections", "Manual": "manual approval"}
"""A provider's name for people, where the API has another."""

WIDTH, GAP, TOP = 142, 28, 20
HEAD, BOX, PITCH = 34, 44, 54
STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328;text-anchor:middle}"
    ".head{font-size:14px;font-weight:600}.name{font-size:13px}.note{font-size:11px;fill:#59636e}"
    ".stage{fill:#ddf4ff;stroke:#54aeff}.environment{fill:#dafbe1;stroke:#4ac26b}.store{fill:#f6f8fa;stroke:#818b98}"
    ".box{fill:#fff;stroke:#818b98}.arrow{stroke:#59636e;stroke-width:1.5;fill:none;marker-end:url(#tip)}"
)
TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#59636e"/></marker></defs>'
)

Resources = dict[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """A titled group of boxes: a stage with its actions, or an environment with its resources.

    `boxes` has the name and note of each box, from top to bottom; `kind` is the CSS class.
    """

    kind: str
    title: str
    boxes: tuple[tuple[str, str], ...]

    @property
    def height(self) -> int:
        """The height in pixels."""
        return HEAD + PITCH * len(self.boxes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """The picture's content; `environments` is keyed by the stage that deploys to each."""

    source: Group
    checks: Group
    stages: tuple[Group, ...]
    environments: dict[str, Group]
    registry: Group


def read(golden: Path = GOLDEN) -> Picture:
    """Read the picture's content from the golden files of the committed stack files.

    Args:
        golden: the directory of the golden files.
    """
    declared = _resources(golden, PIPELINE_STACK)
    (pipeline,) = _of_type(declared, "aws:codepipeline/pipeline:Pipeline")
    records = [one for one in _of_type(declared, "aws:ssm/parameter:Parameter") if one["name"].endswith("/pipeline")]
    stacks = {one["insecureValue"]["json"]["stage"]: one["name"].split("/")[2] for one in records}
    resources = {stack: _resources(golden, stack) for stack in stacks.values()}
    images = [one for stack in resources.values() for one in _of_type(stack, "aws:ecr/repository:Repository")]
    (webhook,) = _of_type(declared, "aws:codebuild/webhook:Webhook")
    repository = pipeline["stages"][0]["actions"][0]["configuration"]["FullRepositoryId"]
    checks = webhook["projectName"].rpartition("-")[2]
    others = any(one.get("excludeMatchedPattern") for group in webhook["filterGroups"] for one in group["filters"])
    return Picture(
        source=Group(kind="store", title="GitHub", boxes=((repository.split("/")[1], "repository"),)),
        checks=Group(
            kind="stage", title="Other branch or PR" if others else "Any push or PR", boxes=((checks, "CodeBuild"),)
        ),
        stages=tuple(_stage(stage) for stage in pipeline["stages"]),
        environments={stage: _environment(stack, resources[stack]) for stage, stack in stacks.items()},
        registry=Group(kind="store", title="Amazon ECR", boxes=tuple((one["name"], "image") for one in images)),
    )


def draw(picture: Picture) -> str:
    """Return the picture as SVG."""
    columns = [TOP + column * (WIDTH + GAP) for column in range(len(picture.stages) + 1)]
    lower = TOP + max(stage.height for stage in picture.stages) + 50
    bottom = lower + max(group.height for group in [*picture.environments.values(), picture.registry])
    middle, flow, images = WIDTH // 2, TOP + HEAD + BOX // 2, bottom + 34
    build = next(x for stage, x in zip(picture.stages, columns[1:], strict=True) if stage.title == BUILD)
    parts = [_group(picture.source, columns[0], TOP), _group(picture.checks, columns[0], lower)]
    parts.append(_arrow((columns[0] + middle, TOP + picture.source.height), (columns[0] + middle, lower)))
    for stage, x in zip(picture.stages, columns[1:], strict=True):
        parts += [_group(stage, x, TOP), _arrow((x - GAP, flow), (x, flow))]
        down = (x + middle, TOP + stage.height), (x + middle, lower)
        if group := picture.environments.get(stage.title):
            parts += [_group(group, x, lower), _arrow(*down)]
            start = (build + middle, lower + picture.registry.height)
            parts.append(_arrow(start, (start[0], images), (x + middle, images), (x + middle, lower + group.height)))
        if stage.title == BUILD:
            parts += [_group(picture.registry, x, lower), _arrow(*down)]
    parts.append(_text("note", build + WIDTH + GAP // 2, images - 8, "the same image digests"))
    width, height = columns[-1] + WIDTH + TOP, images + TOP
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>The release pipeline and the environments that it deploys to</title>",
        f"<style>{STYLE}</style>",
        TIP,
        f'<rect width="{width}" height="{height}" rx="8" fill="#fff"/>',
        *parts,
        "</svg>\n",
    ])  # fmt: skip


def _resources(golden: Path, stack: str) -> Resources:
    """Return the inputs of a stack's resources, by type and name."""
    resources = json.loads((golden / f"{stack}.json").read_text("utf-8"))["resources"]
    return {name: resource["inputs"] for name, resource in resources.items()}


def _of_type(resources: Resources, kind: str) -> list[dict[str, Any]]:
    return [inputs for name, inputs in resources.items() if name.startswith(f"{kind} ")]


def _stage(stage: dict[str, Any]) -> Group:
    actions = sorted(stage["actions"], key=lambda action: action["runOrder"])
    boxes = tuple((one["name"], PROVIDERS.get(one["provider"], one["provider"])) for one in actions)
    return Group(kind="stage", title=stage["name"], boxes=boxes)


def _environment(stack: str, resources: Resources) -> Group:
    """Return a stack's load balancer, services and database."""
    listeners = _of_type(resources, "aws:lb/listener:Listener")
    ports = ", ".join(f"{one['protocol']} {one['port']}" for one in listeners)
    boxes = [("Load balancer", ports)]
    for service in _of_type(resources, "aws:ecs/service:Service"):
        count, name = service["desiredCount"], service["loadBalancers"][0]["containerName"]
        boxes.append((f"ECS service {name}", f"{count} Fargate task{'s' if count > 1 else ''}"))
    for database in _of_type(resources, "aws:rds/instance:Instance"):
        boxes.append((f"RDS {database['engine']} {database['engineVersion']}", database["instanceClass"]))  # noqa: PERF401 - reads as the loop above
    return Group(kind="environment", title=f"Stack {stack}", boxes=tuple(boxes))


def _group(group: Group, x: int, y: int) -> str:
    """Return the SVG of a group whose top left corner is at x, y."""
    parts = [_rectangle(group.kind, x, y, WIDTH, group.height), _text("head", x + WIDTH // 2, y + 22, group.title)]
    for index, (name, note) in enumerate(group.boxes):
        top, centre = y + HEAD + index * PITCH, x + WIDTH // 2
        parts += [
            _rectangle("box", x + 8, top, WIDTH - 16, BOX),
            _text("name", centre, top + 19, name),
            _text("note", centre, top + 35, note),
        ]
    return "\n".join(parts)


def _rectangle(kind: str, x: int, y: int, width: int, height: int) -> str:
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>'


def _text(kind: str, x: int, y: int, text: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>'


def _arrow(*points: tuple[int, int]) -> str:
    return f'<path class="arrow" d="M{"L".join(f"{x} {y}" for x, y in points)}"/>'


def main() -> int:
    """Write the picture; returns the exit code."""
    PICTURE.write_text(draw(read()), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
