"""The configuration: what is required, what is checked, what is never shown."""

from __future__ import annotations

import pytest
from guestbook.settings import SettingsError, from_environment

GOOD = {
    "DATABASE_HOST": "db",
    "DATABASE_NAME": "guestbook",
    "DATABASE_USER": "guest",
    "DATABASE_PASSWORD": "very-secret",
}


def test_the_least_environment_is_enough() -> None:
    """Everything but the database has a default."""
    settings = from_environment(GOOD)
    assert (settings.port, settings.database_port, settings.version, settings.digest) == (8080, 5432, "unknown", None)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_missing_variable_is_named_in_one_line(name: str) -> None:
    """An operator reads which variable to set."""
    env = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(SettingsError, match=f"^{name} is not set; set it to [^\n]+$"):
        from_environment(env)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "80.5"),
        ("DATABASE_PORT", "65536"),
        ("DRAIN_SECONDS", "-1"),
        ("DRAIN_SECONDS", "nan"),
        ("DATABASE_SSLMODE", "yes"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_value(name: str, value: str) -> None:
    """A typing error stops the start instead of surfacing later."""
    with pytest.raises(SettingsError, match=f"^{name} is '{value}'; set it to"):
        from_environment({**GOOD, name: value})


def test_the_password_never_shows() -> None:
    """A settings object in a log line gives nothing away."""
    assert "very-secret" not in repr(from_environment(GOOD))


def test_app_version_goes_before_the_commit_of_the_build() -> None:
    """A deployment may name the version it runs."""
    assert from_environment({**GOOD, "COMMIT": "abc"}).version == "abc"
    assert from_environment({**GOOD, "COMMIT": "abc", "APP_VERSION": "v2"}).version == "v2"
