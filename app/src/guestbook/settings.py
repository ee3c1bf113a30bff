"""The configuration, read once from the environment and checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# libpq's modes that make sense over a network; `prefer` is libpq's own default.
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


class SettingsError(ValueError):
    """A variable is missing or wrong; the message is one line and names it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the process needs to know; `database_password` never shows in a representation."""

    database_host: str
    database_port: int
    database_name: str
    database_user: str
    database_password: str = field(repr=False)
    database_sslmode: str
    host: str
    port: int
    drain_seconds: float
    version: str
    digest: str | None


def _required(env: Mapping[str, str], name: str, what: str) -> str:
    value = env.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set; set it to {what}")
    return value


def _number(env: Mapping[str, str], name: str, default: str, *, lowest: float, highest: float) -> float:
    text = env.get(name) or default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not lowest <= value <= highest:
        raise SettingsError(f"{name} is {text!r}; set it to a number from {lowest:g} to {highest:g}")
    return value


def _port(env: Mapping[str, str], name: str, default: str) -> int:
    value = _number(env, name, default, lowest=1, highest=65535)
    if value != int(value):
        raise SettingsError(f"{name} is {env.get(name)!r}; set it to a whole number")
    return int(value)


def from_environment(env: Mapping[str, str]) -> Settings:
    """Read the settings.

    Args:
        env: environment variables, for example `os.environ`.

    Returns:
        The checked settings.

    Raises:
        SettingsError: a variable is missing or wrong. The password's value is never part of the message.
    """
    sslmode = env.get("DATABASE_SSLMODE") or "prefer"
    if sslmode not in SSL_MODES:
        raise SettingsError(f"DATABASE_SSLMODE is {sslmode!r}; set it to one of {', '.join(SSL_MODES)}")
    return Settings(
        database_host=_required(env, "DATABASE_HOST", "the host name of the PostgreSQL server"),
        database_port=_port(env, "DATABASE_PORT", "5432"),
        database_name=_required(env, "DATABASE_NAME", "the name of the database"),
        database_user=_required(env, "DATABASE_USER", "the name of the database's user"),
        database_password=_required(env, "DATABASE_PASSWORD", "the password of DATABASE_USER"),
        database_sslmode=sslmode,
        host=env.get("HOST") or "0.0.0.0",  # noqa: S104 - a container is reached from outside
        port=_port(env, "PORT", "8080"),
        drain_seconds=_number(env, "DRAIN_SECONDS", "3", lowest=0, highest=300),
        version=env.get("APP_VERSION") or env.get("COMMIT") or "unknown",
        digest=env.get("IMAGE_DIGEST") or None,
    )
