"""Nothing with data is destroyed before its snapshot is complete."""

from __future__ import annotations

from typing import Any

import boto3
import pulumi
import pytest
from botocore.stub import ANY, Stubber

from infra.live import snapshots
from infra.live.resources import Database

DATABASE = Database(
    identifier="staging-1a2b3c4", name="app", user="app", engine_version="15", storage=20, deletion_protection=False
)


def rds() -> tuple[Any, Stubber]:
    """Return a client whose answers are checked against botocore's models."""
    client = boto3.client("rds", "eu-central-1", aws_access_key_id="test", aws_secret_access_key="test")
    return client, Stubber(client)


def test_a_snapshot_is_complete_before_anything_goes_on() -> None:
    """Its name is that of the instance with the time, so that a second one never collides."""
    client, stub = rds()
    asked = {"DBInstanceIdentifier": DATABASE.identifier, "DBSnapshotIdentifier": ANY}
    stub.add_response("create_db_snapshot", {"DBSnapshot": {"Status": "creating"}}, asked)
    stub.add_response("describe_db_snapshots", {"DBSnapshots": [{"Status": "available"}]})
    with stub:
        snapshots.take(lambda _: client, [DATABASE])
    stub.assert_no_pending_responses()


def test_without_a_snapshot_the_up_ends() -> None:
    """Before it has changed anything."""
    client, stub = rds()
    stub.add_client_error("create_db_snapshot", "SnapshotQuotaExceeded")
    with stub, pytest.raises(pulumi.RunError, match="no snapshot can be taken, so it is not destroyed"):
        snapshots.take(lambda _: client, [DATABASE])


def test_an_upgrade_says_what_the_snapshot_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database stays."""
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", told.append)
    client, stub = rds()
    stub.add_response("create_db_snapshot", {"DBSnapshot": {"Status": "creating"}})
    stub.add_response("describe_db_snapshots", {"DBSnapshots": [{"Status": "available"}]})
    with stub:
        snapshots.take(lambda _: client, [DATABASE], done="upgraded")
    assert told[0].endswith("before it is upgraded")


def test_nothing_that_goes_asks_for_nothing() -> None:
    """As in nearly every `up`."""
    snapshots.take(lambda service: pytest.fail(service), [])
