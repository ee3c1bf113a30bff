"""What a run of the program declares, as Terraform would show it in a plan: for tools that read no Pulumi program.

Pulumi's provider of AWS is made from Terraform's by rules, which are turned round here: camel case to snake case, a
plural to the name of a block that may be repeated, an object to a block that may not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.fake_engine import ACCOUNT, MADE_BY_CLOUD, REGION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.fake_engine import FakeEngine

WITHOUT_RULE = {"aws:lb/loadBalancer:LoadBalancer": "aws_lb", "aws:codepipeline/pipeline:Pipeline": "aws_codepipeline"}
"""Kinds whose names in Terraform do not follow from those in Pulumi."""
MODULES = {"ec2": "", "index": "", "rds": "db_"}
"""What Terraform calls Pulumi's modules where it is not the same."""
MAPS = {"configuration", "dimensions", "tags"}
"""Properties whose keys are the user's, not the provider's."""
OURS = ("pulumi:", "slipway:")
"""How the kinds begin that are no cloud's resources."""


def render(engine: FakeEngine) -> dict[str, Any]:
    """Return the plan that creates all resources that a run registered, in the shape of `terraform show -json`."""
    resources, configuration = [], []
    for one in engine.resources:
        if one.type.startswith(OURS):
            continue
        where = {"mode": "managed", "type": kind(one.type), "name": identifier(one.name)}
        where |= {"address": address(one.type, one.name)}
        asked = engine.options[one.type, one.name].propertyDependencies
        parts = [
            _property(key, value, _addresses(asked[key].urns if key in asked else ()))
            for key, value in one.inputs.items()
        ]
        values, expressions = _joined(parts)
        resources.append({**where, "values": values})
        configuration.append({**where, "expressions": expressions})
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": resources}},
        "configuration": {"root_module": {"resources": configuration}},
    }


def kind(token: str) -> str:
    """Return the kind in Terraform of one in Pulumi, such as `aws_route_table` of `aws:ec2/routeTable:RouteTable`."""
    package, module, member = re.split(r"[:/]", token)[:3]
    return WITHOUT_RULE.get(token, f"{package}_{MODULES.get(module, f'{snake(module)}_')}{snake(member)}")


def address(token: str, name: str) -> str:
    """Return the address of a resource of this kind in Pulumi."""
    return f"{kind(token)}.{identifier(name)}"


def identifier(name: str) -> str:
    """Return a resource's name as Terraform allows it."""
    return re.sub(r"[^\w-]", "_", name)


def snake(name: str) -> str:
    """Return a name in snake case."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _singular(name: str) -> str:
    return re.sub(r"s$", "", re.sub(r"ies$", "y", name))


def _addresses(urns: Iterable[str]) -> dict[str, str]:
    """Return the addresses of resources by what tests/fake_engine.py answers for each: ID, ARN and what AWS adds."""
    found: dict[str, str] = {}
    for urn in urns:
        *_, kinds, name = urn.split("::", 3)
        token = kinds.rpartition("$")[2]
        made = MADE_BY_CLOUD[token]({"name": name}).values() if token in MADE_BY_CLOUD else ()
        arn = f"arn:aws:test:{REGION}:{ACCOUNT}:{token}/{name}"
        for text in (f"{name}-id", arn, *(one for one in made if isinstance(one, str))):
            found.setdefault(text, address(token, name))
    return found


def _property(key: str, value: Any, known: Mapping[str, str]) -> tuple[str, Any, Any]:  # noqa: ANN401 - any JSON value
    """Return a property's name, its value but for what AWS makes (None), and the references to that.

    Args:
        key: the property's name in Pulumi.
        value: what the program gives it.
        known: addresses of resources by the texts that refer to them.
    """
    name = snake(key)
    if isinstance(value, dict) and key not in MAPS:
        return name, *_blocks([value], known)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return _singular(name), *_blocks(value, known)
    values = value if isinstance(value, list) else [value]
    found = [known.get(one) if isinstance(one, str) else None for one in values]
    plain = [None if at else _number(one) for at, one in zip(found, values, strict=True)]
    references = [text for at in found if at for text in (f"{at}.id", at)]
    return name, plain if isinstance(value, list) else plain[0], {"references": references} if references else None


def _number(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a whole number as such: Pulumi's protocol has one type of number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _blocks(blocks: list[dict[str, Any]], known: Mapping[str, str]) -> tuple[list[Any], list[Any]]:
    pairs = [_joined([_property(key, value, known) for key, value in block.items()]) for block in blocks]
    return [values for values, _ in pairs], [expressions for _, expressions in pairs]


def _joined(parts: list[tuple[str, Any, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    values = {name: value for name, value, _ in parts if value is not None}
    return values, {name: references for name, _, references in parts if references}
