"""Words that RDS for PostgreSQL takes neither as a database's name nor as the master user's."""

from __future__ import annotations

KEY_WORDS = (
    "all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation "
    "column concurrently constraint create cross current_catalog current_date current_role current_schema current_time "
    "current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze "
    "from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like "
    "limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary "
    "references returning right select session_user similar some symmetric table tablesample then to trailing true "
    "union unique user using variadic verbose when where window with"
)
"""The reserved words of PostgreSQL 15 (its documentation, "SQL Key Words"): "can't be a reserved word for the chosen
database engine" (RDS CreateDBInstance, DBName and MasterUsername)."""
SEEN = "admin db rdsadmin"
"""What RDS was seen to refuse beside them: aws/aws-cdk#10579 (admin), aws-cloudformation/cfn-lint#4425 (rdsadmin), `db`
by public reports. AWS publishes no list, so another word may still be refused there."""
RESERVED = frozenset(f"{KEY_WORDS} {SEEN}".split())
