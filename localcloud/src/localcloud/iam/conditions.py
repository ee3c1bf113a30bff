"""Evaluates the Condition blocks of policy statements against a request's condition keys. Pure.

Source: AWS's IAM guide, "IAM JSON policy elements: Condition operators".
"""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Context = dict[str, str | list[str]]
"""Value or values by lower-case condition key."""
IF_EXISTS = "IfExists"
ARN_PARTS = 6


class PolicyError(Exception):
    """A policy has an element that cannot be evaluated here; the message names it. The request is denied."""


@lru_cache(maxsize=4096)
def pattern(text: str, *, any_case: bool = False) -> re.Pattern[str]:
    """Return a wildcard pattern (`*`, `?`) as a regular expression."""
    split = re.split(r"([*?])", re.sub(r"\*+", "*", text))
    parts = ({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in split)
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if any_case else 0))


def like(value: str, wanted: str) -> bool:
    """Tell whether a value matches a wildcard pattern, case-sensitively."""
    return pattern(wanted).fullmatch(value) is not None


def arn_like(value: str, wanted: str) -> bool:
    """Tell whether an ARN matches a pattern, part by part."""
    mine, other = value.split(":", ARN_PARTS - 1), wanted.split(":", ARN_PARTS - 1)
    return len(mine) == len(other) and all(map(like, mine, other))


def number(text: str) -> float:
    """Parse a number of a policy or request.

    Raises:
        PolicyError: it is not a number.
    """
    try:
        return float(text)
    except ValueError as error:
        raise PolicyError(f"{text!r} in a Condition is no number") from error


def moment(text: str) -> float:
    """Parse a time, ISO 8601 or seconds since 1970, to seconds.

    Raises:
        PolicyError: it is not a time.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return number(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def within(value: str, wanted: str) -> bool:
    """Tell whether an IP address is in a CIDR range.

    Raises:
        PolicyError: the policy's value is not a CIDR range.
    """
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)
    except ValueError as error:
        raise PolicyError(f"{wanted!r} in a Condition is no network, or {value!r} no address") from error


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StringLike": like,
    "ArnEquals": arn_like,  # the same as ArnLike, according to AWS
    "ArnLike": arn_like,
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
    "NumericEquals": lambda value, wanted: number(value) == number(wanted),
    "NumericLessThan": lambda value, wanted: number(value) < number(wanted),
    "NumericLessThanEquals": lambda value, wanted: number(value) <= number(wanted),
    "NumericGreaterThan": lambda value, wanted: number(value) > number(wanted),
    "NumericGreaterThanEquals": lambda value, wanted: number(value) >= number(wanted),
    "DateEquals": lambda value, wanted: moment(value) == moment(wanted),
    "DateLessThan": lambda value, wanted: moment(value) < moment(wanted),
    "DateLessThanEquals": lambda value, wanted: moment(value) <= moment(wanted),
    "DateGreaterThan": lambda value, wanted: moment(value) > moment(wanted),
    "DateGreaterThanEquals": lambda value, wanted: moment(value) >= moment(wanted),
    "IpAddress": within,
}
NEGATED = {
    "StringNotEquals": "StringEquals", "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike", "ArnNotEquals": "ArnEquals", "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals", "DateNotEquals": "DateEquals", "NotIpAddress": "IpAddress",
}  # fmt: skip


def met(block: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Tell whether a request satisfies all conditions of a statement.

    Args:
        block: the statement's Condition: value or values by key, by operator.
        context: the request's condition keys.

    Raises:
        PolicyError: an operator is not supported here, or a value is not valid for it.
    """
    return all(
        one(operator, listed(wanted), context.get(key.lower()))
        for operator, keys in block.items()
        for key, wanted in keys.items()
    )


def one(operator: str, wanted: list[str], found: str | list[str] | None) -> bool:
    """Tell whether one condition key satisfies one operator."""
    if operator == "Null":
        return (found is None) == (wanted[0].lower() == "true")
    quantity, colon, plain = operator.rpartition(":")
    if colon and quantity not in ("ForAllValues", "ForAnyValue"):
        raise PolicyError(f"the condition operator {operator} is not known to the local cloud")
    base, optional = plain.removesuffix(IF_EXISTS), plain.endswith(IF_EXISTS)
    negated = base in NEGATED
    compare = OPERATORS.get(NEGATED.get(base, base))
    if compare is None:
        raise PolicyError(f"the condition operator {operator} is not known to the local cloud")
    if found is None:
        return optional or quantity == "ForAllValues" or (negated and not quantity)

    def fits(value: str) -> bool:
        return any(compare(value, each) for each in wanted) != negated

    values = found if isinstance(found, list) else [found]
    every = quantity == "ForAllValues" or (negated and not quantity)
    return all(map(fits, values)) if every else any(map(fits, values))


def listed(value: object) -> list[str]:
    """Return a policy's value or values as a list of strings.

    Raises:
        PolicyError: a value contains a policy variable, which is not supported here.
    """
    rows = value if isinstance(value, list) else [value]
    texts = [str(row).lower() if isinstance(row, bool) else str(row) for row in rows]
    for text in texts:
        if "${" in text:
            raise PolicyError(f"the policy variable in {text!r} is not known to the local cloud")
    return texts
