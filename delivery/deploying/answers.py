"""The versions that services report at the environment's URL."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from contract.containers import APP_VERSION, IMAGE_DIGEST
from contract.health import opener
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from delivery.environment import Environment, Service

ANSWERS = 10
ANSWER_SECONDS = 10
SERVER_ERROR = 500
UNANSWERED = (OSError, http.client.HTTPException)
"""Errors of a request without a whole answer: no connection, no HTTP, a body that breaks off."""


class NoVersionError(DeliveryError):
    """A service answers at its version path, and tells no version."""


def wrong_answers(
    environment: Environment, wanted: Mapping[str, tuple[str, str]], must_tell: Collection[str]
) -> str | None:
    """Query each service of an environment ten times; return what is wrong with an answer, None if all are right.

    Args:
        environment: where.
        wanted: version and digest by service.
        must_tell: the services that have to tell their version; another one that tells none is not asked again, and
            may be down: it has to be checked otherwise.
    """
    for service in environment.services:
        for _ in range(ANSWERS):
            try:
                got = version(environment, service)
            except NoVersionError as error:
                if service.name in must_tell:
                    return str(error)
                break
            except DeliveryError as error:
                if service.name in must_tell:
                    return str(error)
                break
            if got != wanted[service.name]:
                served, right = (f"{one[0]} ({one[1]})" for one in (got, wanted[service.name]))
                where = f"{environment.url}{service.version_path}"
                return f"{service.name}: a wrong version is served: {where} tells {served}, not {right}"
    return None


def tells(environment: Environment, service: Service) -> bool | None:
    """Return whether a service tells its version; None if it does not serve, so that nobody knows."""
    try:
        version(environment, service)
    except NoVersionError:
        return False
    except DeliveryError:
        return None
    return True


def told(found: Mapping[str, tuple[str, str]]) -> str:
    """Return a readable summary of what services serve; a version that all share is shown once."""
    digests = [digest if len(found) == 1 else f"{name}@{digest}" for name, (_, digest) in found.items()]
    versions = [one for one, _ in found.values()]
    if len(set(versions)) == 1:
        return f"{versions[0]} ({' '.join(digests)})"
    return ", ".join(f"{one} ({digest})" for one, digest in zip(versions, digests, strict=True))


def version(environment: Environment, service: Service) -> tuple[str, str]:
    """Query a service, over a new connection, for the version and image digest that it serves.

    Raises:
        NoVersionError: it has no version path, or answers, but with no JSON object that has `commit` and `digest`.
        DeliveryError: no answer, or a server's error.
    """
    if not service.version_path:
        raise NoVersionError(f"{service.name} has no version path")
    url = f"{environment.url}{service.version_path}"
    request = urllib.request.Request(url, headers={"Connection": "close"})  # noqa: S310 - from the stack
    try:
        with opener(url).open(request, timeout=ANSWER_SECONDS) as answer:
            held = json.loads(answer.read())
            return str(held["commit"]), str(held["digest"])
    except urllib.error.HTTPError as error:
        kind = DeliveryError if error.code >= SERVER_ERROR else NoVersionError
        raise kind(f"{url} answers {error.code} {error.reason}") from error
    except UNANSWERED as error:
        raise DeliveryError(f"{url} does not answer: {getattr(error, 'reason', error)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise NoVersionError(
            f'{url} does not tell {{"commit": ..., "digest": ...}} from {APP_VERSION} and {IMAGE_DIGEST}'
        ) from error
