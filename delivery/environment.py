"""An environment as it is now: the facts that its stack recorded in Parameter Store, read when a command runs."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from contract import facts, names
from contract.facts import FactsError, Pipeline, Service
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_ssm import SSMClient


__all__ = ["Environment", "NeverUpError", "Pipeline", "Service", "pipelines", "read"]


class NeverUpError(DeliveryError):
    """The stack recorded no facts: never brought up here, or destroyed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """A running environment: its URL (no trailing slash), its ECS cluster's name and its services.

    `pipeline` is None where no pipeline deploys to it.
    """

    stack: str
    url: str
    cluster: str
    services: tuple[Service, ...]
    pipeline: Pipeline | None = None


def read(ssm: SSMClient, stack: str) -> Environment:
    """Read an environment's facts.

    Args:
        ssm: a boto3 `ssm` client.
        stack: the stack's name, as in `pulumi up -s NAME`.

    Returns:
        The environment, services in alphabetical order.

    Raises:
        NeverUpError: the stack recorded no facts (never brought up, or destroyed).
        DeliveryError: another version of the program wrote them.
    """
    found = dict(_parameters(ssm, f"{names.parameters(stack)}/"))
    where = names.environment_parameter(stack)
    if where not in found:
        raise NeverUpError(
            f"stack {stack!r} has no parameter {where} in region {ssm.meta.region_name}; "
            f"run: pulumi up -s {stack}, or name its region: export AWS_REGION=..."
        )
    pipeline = names.pipeline_parameter(stack)
    try:
        own = facts.Environment.read(found[where], parameter=where, stack=stack)
        return Environment(
            stack=stack,
            url=own.url.rstrip("/"),
            cluster=own.cluster,
            services=tuple(_services(found, stack)),
            pipeline=Pipeline.read(found[pipeline], parameter=pipeline, stack=stack) if pipeline in found else None,
        )
    except FactsError as error:
        raise DeliveryError(str(error)) from error


def pipelines(ssm: SSMClient) -> dict[str, Pipeline]:
    """Return the pipeline of every stack of the account and region that one deploys to, by the stack's name.

    Raises:
        DeliveryError: another version of the program wrote one's facts.
    """
    found: dict[str, Pipeline] = {}
    for name, value in _parameters(ssm, names.PARAMETERS):
        stack = name.removeprefix(f"{names.PARAMETERS}/").partition("/")[0]
        if name == names.pipeline_parameter(stack):
            try:
                found[stack] = Pipeline.read(value, parameter=name, stack=stack)
            except FactsError as error:
                raise DeliveryError(str(error)) from error
    return found


def _parameters(ssm: SSMClient, path: str) -> Iterator[tuple[str, str]]:
    """Yield name and value of each parameter under a path."""
    for page in ssm.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True):
        for parameter in page["Parameters"]:
            yield parameter["Name"], parameter["Value"]


def _services(found: dict[str, str], stack: str) -> Iterator[Service]:
    """Yield an environment's services, with the values that $BUILD_ARGS has for build arguments of theirs.

    $BUILD_ARGS, a JSON object, lets a machine of another platform name its own base images; an argument that the
    stack does not have is left out.
    """
    here = json.loads(os.environ.get("BUILD_ARGS") or "{}")
    prefix = names.service_parameter(stack, "")
    for parameter, value in sorted(found.items()):
        if parameter.startswith(prefix):
            name = parameter.removeprefix(prefix)
            service = Service.read(value, parameter=parameter, stack=stack, name=name)
            arguments = {key: str(here.get(key, value)) for key, value in service.build_args.items()}
            yield replace(service, build_args=arguments)
