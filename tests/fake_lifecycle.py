"""Which images ECR's lifecycle would remove: the documented rules, evaluated on a list of images."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Image:
    """An image: how many days ago it was pushed, its tags, and of an index the digests of its images."""

    digest: str
    age: float
    tags: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


def expired(policy: str, images: list[Image]) -> set[str]:
    """Return the digests that the policy removes.

    ECR's documentation, "How lifecycle policies work": rules run by priority; an image belongs to the first
    rule that matches its tags, and later rules cannot remove it. An image that an index names cannot be removed
    before the index is.
    """
    gone: set[str] = set()
    taken: set[str] = set()
    for rule in sorted(json.loads(policy)["rules"], key=lambda rule: rule["rulePriority"]):
        matching = [image for image in images if image.digest not in taken and _matches(rule["selection"], image)]
        taken |= {image.digest for image in matching}
        gone |= {image.digest for image in _removed(rule["selection"], matching)}
    return gone - {part for image in images if image.digest not in gone for part in image.parts}


def _matches(selection: dict[str, Any], image: Image) -> bool:
    if selection["tagStatus"] == "untagged":
        return not image.tags
    return any(tag.startswith(prefix) for tag in image.tags for prefix in selection["tagPrefixList"])


def _removed(selection: dict[str, Any], images: list[Image]) -> list[Image]:
    newest_first = sorted(images, key=lambda image: image.age)
    if selection["countType"] == "imageCountMoreThan":
        return newest_first[selection["countNumber"] :]
    return [image for image in newest_first if image.age > selection["countNumber"]]
