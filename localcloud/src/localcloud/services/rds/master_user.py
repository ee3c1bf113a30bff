"""Master users, their passwords and the first database's name, as RDS for PostgreSQL checks them."""

from __future__ import annotations

import re
from typing import Any, NoReturn

from localcloud.gateway.protocol import ApiError
from localcloud.services.rds.credentials import ALPHABET

Doc = dict[str, Any]
USER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,15}")
DATABASE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
LEAST_PASSWORD = 8
KEY_WORDS = (
    "all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation "
    "column concurrently constraint create cross current_catalog current_date current_role current_schema current_time "
    "current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze "
    "from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like "
    "limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary "
    "references returning right select session_user similar some symmetric table tablesample then to trailing true "
    "union unique user using variadic verbose when where window with"
)
"""The reserved words of PostgreSQL 15 (its documentation, "SQL Key Words"; pg_get_keywords(), R and T)."""
SEEN = "admin db rdsadmin"
"""What RDS was seen to refuse beside them; AWS publishes no list."""
RESERVED = frozenset(f"{KEY_WORDS} {SEEN}".split())


def check(params: Doc) -> None:
    """Check the names and the password of CreateDBInstance.

    Raises:
        ApiError: RDS would refuse one of them (CreateDBInstance, MasterUsername, DBName and MasterUserPassword; the
            texts are AWS's where they are known).
    """
    user, database = params["MasterUsername"], params.get("DBName")
    if not USER.fullmatch(user):
        refuse("The parameter MasterUsername must be 1 to 16 letters, digits or underscores and begin with a letter.")
    if user.lower() in RESERVED:
        refuse(f"MasterUsername {user} cannot be used as it is a reserved word used by the engine")
    if user.lower().startswith("pg_"):
        refuse(
            f'MasterUsername {user} cannot be used because role names starting with "pg_" are reserved by the '
            "PostgreSQL engine"
        )
    if database and not DATABASE.fullmatch(database):
        refuse("DBName must begin with a letter and contain only alphanumeric characters.")
    if database and database.lower() in RESERVED:
        refuse(f"DBName {database} cannot be used.  It is a reserved word for this engine")
    if params.get("MasterUserPassword"):
        check_password(params["MasterUserPassword"])


def check_password(password: str) -> None:
    """Check a given password.

    Raises:
        ApiError: it is too short or has other characters.
    """
    invalid = "The parameter MasterUserPassword is not a valid password"
    if set(password) - set(ALPHABET):
        refuse(f"{invalid}. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.")
    if len(password) < LEAST_PASSWORD:
        refuse(f"{invalid} because it is shorter than {LEAST_PASSWORD} characters.")


def refuse(text: str) -> NoReturn:
    """Raise the error of a parameter that RDS refuses."""
    raise ApiError("InvalidParameterValue", text)
