"""The services of a stack that are up, by the facts that they recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from contract.facts import Environment, FactsError, Service
from contract.names import PARAMETERS, environment_parameter, parameters, service_parameter

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Standing:
    """The recorded facts by service, None of one that another version of the program wrote; None if none can be read.

    A service's parameter is created after the service has reached a steady state for the first time, and deleted before
    the service: a service without one has never been stable, or is half destroyed.
    """

    services: Mapping[str, Service | None] | None

    def facts(self, service: str) -> Service | None:
        """Return what a service recorded, None if it is not up or its facts cannot be read."""
        return (self.services or {}).get(service)

    def is_up(self, service: str) -> bool:
        """Return whether a service has been stable; True where that is not known, so that nothing is rolled out."""
        return self.services is None or service in self.services


def read(stack: str) -> Standing:
    """Return the services of a stack that are up.

    Raises:
        pulumi.RunError: the parameters cannot be read, and this is not a preview.
    """
    prefix = service_parameter(stack, "")
    try:
        found = _parameters(prefix)
    except pulumi.RunError as error:
        if not pulumi.runtime.is_dry_run():
            raise
        pulumi.log.warn(str(error).replace("cannot be read:", "cannot be read, so every service counts as up:"))
        return Standing(None)
    services: dict[str, Service | None] = {}
    for parameter, value in found.items():
        name = parameter.removeprefix(prefix)
        try:
            services[name] = Service.read(value, parameter=parameter, stack=stack, name=name)
        except FactsError:  # it is up, and this run writes its facts again
            services[name] = None
    return Standing(services)


def others(stack: str) -> dict[str, Service | None]:
    """Return the recorded facts of the services of other stacks, `prod/web`; None if another version recorded them.

    Raises:
        pulumi.RunError: the records cannot be read.
    """
    result: dict[str, Service | None] = {}
    for name, value in _parameters(PARAMETERS, recursive=True).items():
        other, _, service = name.removeprefix(f"{PARAMETERS}/").partition("/services/")
        if service and other != stack:
            try:
                result[f"{other}/{service}"] = Service.read(value, parameter=name, stack=other, name=service)
            except FactsError:
                result[f"{other}/{service}"] = None
    return result


def url(stack: str) -> str:
    """Return an environment's URL, empty if it recorded none.

    Raises:
        pulumi.RunError: the records cannot be read.
    """
    name = environment_parameter(stack)
    value = _parameters(parameters(stack)).get(name)
    return Environment.read(value, parameter=name, stack=stack).url if value else ""


def _parameters(path: str, *, recursive: bool = False) -> dict[str, str]:
    """Return the parameters below a path."""
    try:
        found = aws.ssm.get_parameters_by_path(path=path.rstrip("/"), recursive=recursive, with_decryption=False)
    except Exception as error:  # errors of provider functions have neither a type nor a code
        reason = " ".join(str(error).split())
        raise pulumi.RunError(f"the parameters below {path} cannot be read: {reason}") from error
    return dict(zip(found.names, found.values, strict=True))
