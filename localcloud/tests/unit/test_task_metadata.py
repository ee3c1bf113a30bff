"""What a task is told of itself, and the credentials of its role that expire: without Docker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from localcloud.iam import sessions
from localcloud.services.ecs import metadata, metadata_proxy
from localcloud.state.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

ROLE, TASK = "arn:aws:iam::1:role/app", "arn:aws:ecs:x:1:task/c/1234"
NETWORK = {"IPAddress": "172.24.8.5", "Gateway": "172.24.0.1", "IPPrefixLen": 20, "MacAddress": "02:42:ac:18:08:05"}
OPTIONS = {"awslogs-group": "/g", "awslogs-region": "x", "awslogs-stream-prefix": "web"}
CONTAINER = {
    "name": "app",
    "image": "registry/app@sha256:1",
    "cpu": 0,
    "logConfiguration": {"logDriver": "awslogs", "options": OPTIONS},
}
DEFINITION = {"family": "prod-web", "revision": 7, "containerDefinitions": [CONTAINER]}


def task(**members: object) -> dict[str, Any]:
    """Return a task that is being started."""
    row = {"name": "app", "lastStatus": "PENDING", "containerArn": f"{TASK}/c", "runtimeId": "d0c"}
    return {
        "taskArn": TASK, "clusterArn": "arn:cluster", "desiredStatus": "RUNNING", "lastStatus": "ACTIVATING",
        "cpu": "256", "memory": "512", "pullStartedAt": 0.0, "pullStoppedAt": 1.5, "availabilityZone": "xa",
        "group": "service:web", "containers": [row], **metadata.identities(["app"]), **members,
    }  # fmt: skip


def test_a_task_is_told_its_address_and_its_names_as_on_fargate() -> None:
    """While it starts, too: applications ask first of all."""
    told = metadata.of_task(task(), DEFINITION, NETWORK, "x")
    assert {key: told[key] for key in ("Cluster", "TaskARN", "Family", "Revision", "LaunchType", "ServiceName")} == {
        "Cluster": "arn:cluster", "TaskARN": TASK, "Family": "prod-web", "Revision": "7", "LaunchType": "FARGATE",
        "ServiceName": "web",
    }  # fmt: skip
    assert told["Limits"] == {"CPU": 0.25, "Memory": 512}
    assert told["PullStoppedAt"] == "1970-01-01T00:00:01.500000Z"
    (container,) = told["Containers"]
    assert container["Networks"][0]["IPv4Addresses"] == ["172.24.8.5"]
    assert container["Networks"][0]["IPv4SubnetCIDRBlock"] == "172.24.0.0/20"
    assert container["Labels"]["com.amazonaws.ecs.task-definition-version"] == "7"
    assert (container["DockerId"], container["KnownStatus"], container["Type"]) == ("d0c", "RUNNING", "NORMAL")
    assert container["LogOptions"]["awslogs-stream"] == "web/app/1234"


def test_a_container_finds_its_pages_by_identities_of_its_own() -> None:
    """Nobody can guess them; without a role there is no page for credentials."""
    first, second = task(), task()
    mine = metadata.variables(first, "app", has_role=True)
    assert mine["ECS_CONTAINER_METADATA_URI_V4"].startswith("http://169.254.170.2/v4/")
    assert mine["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"].startswith("/v2/credentials/")
    assert not set(mine.values()) & set(metadata.variables(second, "app", has_role=True).values())
    assert list(metadata.variables(first, "app", has_role=False)) == ["ECS_CONTAINER_METADATA_URI_V4"]


def test_credentials_expire_and_others_are_handed_out_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The earlier ones stay valid until their end; all end with their task."""
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)
    rows = sessions.Sessions(Store(tmp_path / "state.db"))
    first = rows.expiring(ROLE, "me", "task 1")
    assert first["expires"] == now + 6 * 3600
    now += 5 * 3600 - 1
    assert rows.expiring(ROLE, "me", "task 1") == first
    now += 2
    second = rows.expiring(ROLE, "me", "task 1")
    assert second["key"] != first["key"]
    assert second["expires"] == now + 6 * 3600
    assert sessions.alive(first)
    assert rows.expiring(ROLE, "me", "task 1") == second
    assert rows.start(ROLE, "me", "task 1")["expires"] is None
    rows.end("task 1")
    assert not sessions.alive(first)
    assert not sessions.alive(second)
    now += 6 * 3600
    assert rows.expiring(ROLE, "me", "task 1")["key"] not in (first["key"], second["key"])


def test_tasks_have_link_local_addresses_of_their_own() -> None:
    """In the range of Fargate's; none is given twice, and the endpoint's own is none of them."""
    taken: list[str] = []
    for _ in range(1000):
        taken.append(metadata_proxy.free_link(taken))
    assert len(set(taken)) == 1000
    assert all(
        address.startswith(("169.254.172.", "169.254.173.", "169.254.174.", "169.254.175.")) for address in taken
    )
