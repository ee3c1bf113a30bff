"""What a preview found, and the file that carries it from where it was made to where it is shown.

The file may have been written by the code under review, so whoever reads it believes its shape only once checked.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OPERATIONS = ("delete", "replace", "create", "update", "import")
"""What may happen to a resource, the gravest first."""
LARGEST_BYTES = 8 * 2**20
MOST_LINES = 200
REMEDY = "make it anew: delivery preview --save FILE"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What `pulumi up` would do to one resource; `reasons` are the properties that force its replacement."""

    operation: str
    kind: str
    name: str
    reasons: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class StackPreview:
    """The preview of one stack; where it failed, `changes` are what was seen until then."""

    stack: str
    failed: bool
    unchanged: int = 0
    changes: tuple[Change, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()

    def count(self, operation: str) -> int:
        """Return how many resources it happens to."""
        return sum(change.operation == operation for change in self.changes)


def save(path: Path, previews: Sequence[StackPreview]) -> None:
    """Write previews to a file."""
    path.write_text(json.dumps({"previews": [asdict(one) for one in previews]}), "utf-8")


def load(path: Path) -> list[StackPreview]:
    """Read previews from a file that may hold anything.

    Raises:
        DeliveryError: there is none, or it is not what `save` writes.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise DeliveryError(f"{path} has more than {LARGEST_BYTES} bytes, so it holds no preview; {REMEDY}")
        document = json.loads(path.read_bytes())
        return [_preview(one) for one in _typed(document["previews"], list)]
    except OSError as error:
        raise DeliveryError(f"{path} cannot be read ({error.strerror}); the job that makes it says why") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DeliveryError(f"{path} holds no preview ({type(error).__name__}); {REMEDY}") from error


def _preview(found: Any) -> StackPreview:  # noqa: ANN401 - JSON
    return StackPreview(
        stack=_typed(found["stack"], str),
        failed=_typed(found["failed"], bool),
        unchanged=_typed(found["unchanged"], int),
        changes=tuple(_change(one) for one in _typed(found["changes"], list)),
        errors=_texts(found["errors"]),
        warnings=_texts(found["warnings"]),
        policies=_texts(found["policies"]),
    )


def _change(found: Any) -> Change:  # noqa: ANN401 - JSON
    if found["operation"] not in OPERATIONS:
        raise ValueError(f"operation {found['operation']!r}")
    texts = (_typed(found[name], str) for name in ("operation", "kind", "name"))
    operation, kind, name = texts
    return Change(
        operation=operation, kind=kind, name=name, reasons=_texts(found["reasons"]), lines=_texts(found["lines"])
    )


def _texts(found: Any) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    return tuple(_typed(one, str) for one in _typed(found, list))


def _typed(found: Any, wanted: type) -> Any:  # noqa: ANN401 - JSON
    if type(found) is not wanted:
        raise TypeError(f"{type(found).__name__} where {wanted.__name__} belongs")
    return found
