"""The services of a stack that are up, by the facts that they recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from contract.facts import FactsError, Service
from contract.names import service_parameter

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
        found = aws.ssm.get_parameters_by_path(path=prefix.rstrip("/"), with_decryption=False)
    except Exception as error:  # errors of provider functions have neither a type nor a code
        reason = " ".join(str(error).split())
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(f"the parameters below {prefix} cannot be read: {reason}") from error
        pulumi.log.warn(f"the parameters below {prefix} cannot be read, so every service counts as up: {reason}")
        return Standing(None)
    services: dict[str, Service | None] = {}
    for parameter, value in zip(found.names, found.values, strict=True):
        name = parameter.removeprefix(prefix)
        try:
            services[name] = Service.read(value, parameter=parameter, stack=stack, name=name)
        except FactsError:  # it is up, and this run writes its facts again
            services[name] = None
    return Standing(services)
