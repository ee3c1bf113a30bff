"""The snapshot that a new database is created from is checked before anything is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from infra.config.errors import ConfigError
from infra.live import restore
from tests.unit.infra.test_changes import load
from tests.unit.infra.test_snapshots import rds

if TYPE_CHECKING:
    from botocore.stub import Stubber

FITTING = {
    "DBSnapshotIdentifier": "before",
    "Engine": "postgres",
    "EngineVersion": "15.12",
    "MasterUsername": "app",
    "AllocatedStorage": 20,
    "Encrypted": True,
    "Status": "available",
}


def check(stub: Stubber, client: Any, **section: Any) -> None:  # noqa: ANN401
    """Check a configuration with this database."""
    with stub:
        restore.check(lambda _: client, load({"database": {"restore_from": "before", **section}}))
    stub.assert_no_pending_responses()


def test_a_snapshot_that_fits_is_taken() -> None:
    """Nothing is said."""
    client, stub = rds()
    stub.add_response("describe_db_snapshots", {"DBSnapshots": [FITTING]}, {"DBSnapshotIdentifier": "before"})
    check(stub, client)


@pytest.mark.parametrize(
    ("found", "rule"),
    [
        ({"MasterUsername": "owner"}, "its master user is owner; set user: owner"),
        ({"EngineVersion": "16.3"}, "it is of PostgreSQL 16.3; set engine_version: 16, upgrade it later"),
        ({"AllocatedStorage": 60}, "it has 60 GiB; set storage to at least that"),
        ({"Status": "creating"}, "it is creating; wait until it is available"),
        ({"Engine": "mysql"}, "it is of the engine mysql; name a snapshot of PostgreSQL"),
        ({"Encrypted": False}, "it is not encrypted; name an encrypted copy"),
    ],
)
def test_a_snapshot_that_does_not_fit_is_refused(found: dict[str, Any], rule: str) -> None:
    """Pulumi would replace what it restored, or RDS refuse it once the network stands."""
    client, stub = rds()
    stub.add_response("describe_db_snapshots", {"DBSnapshots": [FITTING | found]})
    with pytest.raises(ConfigError) as error:
        check(stub, client)
    assert f'database.restore_from is "before"; {rule}' in str(error.value)


def test_a_snapshot_that_is_not_there_is_refused() -> None:
    """In a line that says where to look."""
    client, stub = rds()
    stub.add_client_error("describe_db_snapshots", "DBSnapshotNotFound")
    with pytest.raises(ConfigError, match="there is no such snapshot in this account and region"):
        check(stub, client)


@pytest.mark.parametrize("preview", [True, False])
def test_a_snapshot_that_cannot_be_read_ends_an_up_but_not_a_preview(
    monkeypatch: pytest.MonkeyPatch, *, preview: bool
) -> None:
    """The role for previews cannot read snapshots."""
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: preview)
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    client, stub = rds()
    stub.add_client_error("describe_db_snapshots", "AccessDenied")
    if preview:
        check(stub, client)
        assert "so it is not checked" in warnings[0]
    else:
        with pytest.raises(pulumi.RunError, match="snapshot before cannot be read"):
            check(stub, client)


def test_without_the_key_nothing_is_asked() -> None:
    """As in nearly every `up`."""
    restore.check(lambda service: pytest.fail(service), load())
