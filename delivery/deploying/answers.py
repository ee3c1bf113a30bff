"""What services answer about themselves, asked at the environment's address."""

from __future__ import annotations

import ipaddress
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from contract.containers import APP_VERSION, IMAGE_DIGEST
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from delivery.environment import Environment, Service

ANSWERS = 10
ANSWER_SECONDS = 10


def wrong_answers(environment: Environment, wanted: Mapping[str, tuple[str, str]]) -> str | None:
    """Ask each of an environment's services ten times; return what is wrong with an answer, None when none is.

    Args:
        environment: where.
        wanted: version and digest by service.
    """
    for service in environment.services:
        for _ in range(ANSWERS):
            try:
                got = version(environment, service)
            except DeliveryError as error:
                return str(error)
            if got != wanted[service.name]:
                served, right = (f"{one[0]} ({one[1]})" for one in (got, wanted[service.name]))
                where = f"{environment.url}{service.version_path}"
                return f"{service.name}: a wrong version is served: {where} tells {served}, not {right}"
    return None


def served(environment: Environment) -> dict[str, tuple[str, str]]:
    """Return the version and the image digest that each service of an environment serves.

    Raises:
        DeliveryError: one does not tell it.
    """
    return {service.name: version(environment, service) for service in environment.services}


def told(found: Mapping[str, tuple[str, str]]) -> str:
    """Return what services serve for people: the version once where all have the same."""
    digests = [digest if len(found) == 1 else f"{name}@{digest}" for name, (_, digest) in found.items()]
    versions = [one for one, _ in found.values()]
    if len(set(versions)) == 1:
        return f"{versions[0]} ({' '.join(digests)})"
    return ", ".join(f"{one} ({digest})" for one, digest in zip(versions, digests, strict=True))


def version(environment: Environment, service: Service) -> tuple[str, str]:
    """Ask a service, by a connection of its own, for the version and the image digest that it serves.

    Raises:
        DeliveryError: no answer, or one that is no JSON object with `commit` and `digest`.
    """
    url = f"{environment.url}{service.version_path}"
    request = urllib.request.Request(url, headers={"Connection": "close"})  # noqa: S310 - from the stack
    try:
        with _opener(url).open(request, timeout=ANSWER_SECONDS) as answer:
            held = json.loads(answer.read())
            return str(held["commit"]), str(held["digest"])
    except urllib.error.HTTPError as error:
        raise DeliveryError(f"{url} answers {error.code} {error.reason}") from error
    except OSError as error:
        raise DeliveryError(f"{url} does not answer: {getattr(error, 'reason', error)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DeliveryError(
            f'{url} does not tell {{"commit": ..., "digest": ...}} from {APP_VERSION} and {IMAGE_DIGEST}'
        ) from error


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Return an opener that asks a private address directly, whatever proxy the environment names."""
    try:
        direct = ipaddress.ip_address(urlsplit(url).hostname or "").is_private
    except ValueError:
        direct = False
    return urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if direct else []))
