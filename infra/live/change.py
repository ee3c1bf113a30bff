"""A change of the configuration against what stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.config.errors import Location


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A key whose value differs from what stands.

    Attributes:
        location: the key.
        value: as configured; None if the key is gone.
        stands: what stands, as a clause of the message: `database staging-1a2b3c4 has the name "app"`.
        allowed_by: the entry of `slipway:allow` that permits it; empty if nothing does.
        rule: `RULE; REMEDY` in place of the detail of the key's effect.
    """

    location: Location
    value: object
    stands: str
    allowed_by: str = ""
    rule: str = ""
