"""How a resource's properties change, in lines; values as pulumi serialises them, in which no secret is readable."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Pulumi's marks (sdk/go/common/resource/sig and resource/plugin/rpc.go).
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a mark
UNKNOWNS = frozenset({
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9", "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421", "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "030794c1-ac77-496b-92df-f27374a8bd58", "e48ece36-62e2-4504-bad9-02848725956a",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
})  # fmt: skip
UNKNOWN, SECRET, NONE = "[known after up]", "[secret]", "[none]"
LONGEST = 300
BEFORE = 40
SEGMENT = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')
FORCES = "  # forces replacement"


class _Missing:
    """No value at all, which is not null."""


MISSING = _Missing()


def plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a value with Pulumi's marks in words: `[secret]`, `[known after up]`."""
    if isinstance(value, dict):
        if SIGNATURE in value:
            return _special(value)
        return {key: plain(part) for key, part in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return UNKNOWN if isinstance(value, str) and value in UNKNOWNS else value


def _special(value: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    if value[SIGNATURE] == SECRET_SIGNATURE or value.get("secret"):
        return SECRET
    if "value" in value:
        return plain(value["value"])
    return next((f"[{name} {value[name]}]" for name in ("urn", "path", "uri", "hash") if name in value), UNKNOWN)


def created(inputs: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each property of a resource that is new."""
    for key, value in sorted(plain(dict(inputs)).items()):
        yield f"+ {key}: {shown(value)}"


def changed(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each property that a step changes.

    Args:
        metadata: of the step, as in pulumi's `resourcePreEvent`.
    """
    old, new = metadata.get("old") or {}, metadata.get("new") or {}
    before, after = plain(old.get("inputs") or {}), plain(new.get("inputs") or {})
    found = metadata.get("detailedDiff") or {
        key: {"diffKind": "update-replace" if key in (metadata.get("keys") or []) else "update", "inputDiff": True}
        for key in [*(metadata.get("diffs") or []), *(metadata.get("keys") or [])]
    }
    for path, how in sorted(found.items()):
        first, second = get(before, path), get(after, path)
        if first == second and not how.get("inputDiff"):
            # Not the program changed but what there is: the provider compares that with what is asked for.
            first = get(plain(old.get("outputs") or {}), path)
            second = UNKNOWN if second is MISSING and how.get("diffKind", "").startswith("update") else second
        forces = FORCES if str(how.get("diffKind")).endswith("-replace") else ""
        for line in differences(path, first, second):
            yield line + forces


def differences(path: str, old: Any, new: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield a line for each part in which two values differ; JSON in a text is looked into."""
    old, new = named(parsed(old)), named(parsed(new))
    if isinstance(old, dict) and isinstance(new, dict) and old != new:
        for key in sorted({*old, *new}):
            if old.get(key, MISSING) != new.get(key, MISSING):
                yield from differences(f"{path}.{key}", old.get(key, MISSING), new.get(key, MISSING))
    elif isinstance(old, list) and isinstance(new, list) and old != new:
        for index in range(max(len(old), len(new))):
            pair = [part[index] if index < len(part) else MISSING for part in (old, new)]
            if pair[0] != pair[1]:
                yield from differences(f"{path}[{index}]", *pair)
    elif old is MISSING and new is not MISSING:
        yield f"+ {path}: {shown(new)}"
    elif new is MISSING and old is not MISSING:
        yield f"- {path}: {shown(old)}"
    else:
        yield f"~ {path}: {' -> '.join(_pair(old, new))}"


def parsed(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return the map or list that a text holds as JSON, such as a policy; else the value itself."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return plain(found) if isinstance(found, dict | list) else value
    return value


def named(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a list of things that each have a name as a map by it, so that one more does not shift the others."""
    things = value if isinstance(value, list) and all(isinstance(one, dict) for one in value) else []
    names = [one.get("name") for one in things]
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        return value
    rests = [{key: part for key, part in one.items() if key != "name"} for one in things]
    return {name: rest["value"] if set(rest) == {"value"} else rest for name, rest in zip(names, rests, strict=True)}


def shown(value: Any) -> str:  # noqa: ANN401 - JSON
    """Return a value as one line of bounded length."""
    text = NONE if value is MISSING else json.dumps(parsed(value), ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text) - LONGEST} more characters)"


def _pair(old: Any, new: Any) -> tuple[str, str]:  # noqa: ANN401 - JSON
    """Return two values; of two long texts what surrounds their first difference."""
    if isinstance(old, str) and isinstance(new, str) and max(len(old), len(new)) > LONGEST:
        same = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
        start = max(same - BEFORE, 0)
        cut = "... " if start else ""
        return cut + shown(old[start:]), cut + shown(new[start:])
    return shown(old), shown(new)


def get(tree: Any, path: str) -> Any:  # noqa: ANN401 - JSON
    """Return what is at a property path such as `tags["a.b"].c[0]`, MISSING where there is nothing."""
    for quoted, index, name in SEGMENT.findall(path):
        key = quoted.replace('\\"', '"') or name
        if index and isinstance(tree, list) and int(index) < len(tree):
            tree = tree[int(index)]
        elif key and isinstance(tree, dict) and key in tree:
            tree = tree[key]
        else:
            return MISSING
    return tree
