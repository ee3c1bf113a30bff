"""Master users and passwords: what RDS makes and refuses, without a database."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from localcloud.gateway.protocol import ApiError
from localcloud.services.rds import credentials, master_user


def refusal(**params: Any) -> str:
    """Return why RDS refuses an instance with these parameters."""
    with pytest.raises(ApiError) as found:
        taken(**params)
    assert (found.value.code, found.value.status) == ("InvalidParameterValue", 400)
    return found.value.message


def taken(**params: Any) -> bool:
    """Return True for an instance with these parameters, unless RDS refuses it."""
    master_user.check({"MasterUsername": "app", "DBName": "app", **params})
    return True


def test_a_password_has_characters_that_a_url_must_quote() -> None:
    """Each of them, always: a fault shows at the first run, not after some rotation."""
    for _ in range(200):
        password = credentials.new_password()
        assert len(password) >= 28
        assert set("#?%:]") <= set(password)
        assert quote(password, safe="") != password
        assert not set(password) & set('/@" ')
        assert password.isascii()
        assert password.isprintable()


def test_no_two_passwords_are_the_same() -> None:
    """Nor are the characters in the same places."""
    made = {credentials.new_password() for _ in range(100)}
    assert len(made) == 100
    assert len({password.index("#") for password in made}) > 5


@pytest.mark.parametrize("name", ["postgres", "app", "App_1", "root", "a234567890123456"])
def test_a_user_name_that_rds_takes_is_taken(name: str) -> None:
    """`postgres` is the console's own proposal."""
    assert taken(MasterUsername=name)


@pytest.mark.parametrize("name", ["admin", "user", "Table", "rdsadmin"])
def test_a_reserved_word_is_no_user_name(name: str) -> None:
    """In AWS's words."""
    assert refusal(MasterUsername=name) == (
        f"MasterUsername {name} cannot be used as it is a reserved word used by the engine"
    )


def test_a_user_name_does_not_begin_as_the_roles_of_postgresql_do() -> None:
    """In AWS's words."""
    assert refusal(MasterUsername="pg_dba") == (
        'MasterUsername pg_dba cannot be used because role names starting with "pg_" are reserved by the PostgreSQL '
        "engine"
    )


@pytest.mark.parametrize("name", ["1app", "a-b", "a2345678901234567", "_a"])
def test_a_user_name_is_1_to_16_letters_digits_and_underscores(name: str) -> None:
    """It begins with a letter."""
    assert "MasterUsername" in refusal(MasterUsername=name)


@pytest.mark.parametrize("name", ["db", "grant", "Admin"])
def test_a_reserved_word_is_no_database_name(name: str) -> None:
    """In AWS's words."""
    assert refusal(DBName=name) == f"DBName {name} cannot be used.  It is a reserved word for this engine"


@pytest.mark.parametrize("name", ["my-app", "1app", "a" * 64])
def test_a_database_name_is_1_to_63_letters_digits_and_underscores(name: str) -> None:
    """It begins with a letter."""
    assert refusal(DBName=name) == "DBName must begin with a letter and contain only alphanumeric characters."


def test_an_instance_without_a_database_name_is_taken() -> None:
    """It has the database `postgres`, as each has."""
    assert taken(DBName=None)


@pytest.mark.parametrize("password", ["with/slash", "with@at-sign", 'with"quote', "with a space", "ümlaut-and-more"])
def test_a_given_password_is_of_the_same_alphabet(password: str) -> None:
    """In AWS's words."""
    assert refusal(MasterUserPassword=password) == (
        "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', "
        "'\"', ' ' may be used."
    )


def test_a_short_password_is_refused() -> None:
    """Eight characters are the least."""
    assert taken(MasterUserPassword="8letters")
    assert refusal(MasterUserPassword="seven77") == (
        "The parameter MasterUserPassword is not a valid password because it is shorter than 8 characters."
    )
