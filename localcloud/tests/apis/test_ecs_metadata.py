"""What a task learns of itself, and the credentials of its role: from 169.254.170.2, as on Fargate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from localcloud.settings import label
from support.cloud import Site
from support.fixtures import PORT
from support.identities import Person, allow, refused
from support.waiting import until

if TYPE_CHECKING:
    from support.cloud import Cloud

ASK = """
import json, os, urllib.error, urllib.request
def get(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return [error.code, error.read().decode()]
base, me = "http://169.254.170.2", os.environ["ECS_CONTAINER_METADATA_URI_V4"]
mine = os.environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "")
told = {"container": get(me), "task": get(me + "/task"), "stats": get(me + "/stats")}
told |= {"other": get(base + "/v4/1"), "control": get(base + "/_localcloud/clock")}
told |= {"registry": get(base + "/v2/"), "anybody": get(base + "/v2/credentials/1")}
gateway = os.environ.get("AWS_ENDPOINT_URL", "")
if mine:
    told |= {"mine": get(base + mine), "clock": get(gateway + "/_localcloud/clock")}
    told["posted"] = get(urllib.request.Request(gateway + "/_localcloud/ecs/v4/1", b"x"))
told["variables"] = sorted(name for name in os.environ if name.startswith(("AWS_", "ECS_")))
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def site(cloud: Cloud) -> Site:
    """A load balancer and a cluster."""
    return Site(cloud, "contract-metadata")


def told(site: Site, task: dict[str, Any]) -> dict[str, Any]:
    """Return what a task printed."""
    stream = f"x/app/{task['taskArn'].rpartition('/')[2]}"
    logs = site.cloud.client("logs")
    group = f"/contract/{site.name}"
    events = logs.get_log_events(logGroupName=group, logStreamName=stream)["events"]
    found: dict[str, Any] = json.loads("".join(event["message"] for event in events))
    return found


def asked(site: Site, **arguments: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run a task that asks for all of it; return the task and what it was told."""
    definition = site.definition(site.cloud.image("good"), command=["python3", "-c", ASK], user="1000",
                                 readonlyRootFilesystem=True)  # fmt: skip
    task = site.run(definition, **arguments)
    assert task["containers"][0]["exitCode"] == 0, task
    return task, told(site, task)


def test_a_task_learns_its_address_and_its_names(site: Site) -> None:
    """An application that checks the Host header takes its own address from here."""
    task, found = asked(site)
    details = {row["name"]: row["value"] for row in task["attachments"][0]["details"]}
    container, whole = found["container"], found["task"]
    assert container["Networks"][0]["IPv4Addresses"] == [details["privateIPv4Address"]]
    assert container["Networks"][0]["NetworkMode"] == "awsvpc"
    assert (container["Name"], container["DockerId"]) == ("app", task["containers"][0]["runtimeId"])
    assert container["ContainerARN"] == task["containers"][0]["containerArn"]
    assert (whole["TaskARN"], whole["Cluster"]) == (task["taskArn"], task["clusterArn"])
    assert f"{whole['Family']}:{whole['Revision']}" == task["taskDefinitionArn"].rpartition("/")[2]
    assert whole["Containers"] == [container]


def test_nothing_else_is_served_there(site: Site) -> None:
    """Neither another container's pages, nor the local cloud's, nor the registry; statistics are refused by name."""
    _, found = asked(site)
    assert found["stats"] == [404, "the local cloud does not serve stats\n"]
    assert found["other"][0] == found["control"][0] == found["registry"][0] == 404
    assert found["anybody"][0] == 400
    assert json.loads(found["anybody"][1])["code"] == "InvalidIdInRequest"


def test_a_task_without_a_role_has_no_credentials(site: Site) -> None:
    """Nor has it been told where there would be any."""
    _, found = asked(site)
    assert "mine" not in found
    assert found["variables"] == [
        "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_REGION", "ECS_CONTAINER_METADATA_URI_V4",
    ]  # fmt: skip


def test_the_credentials_of_a_tasks_role_expire_and_end_with_it(site: Site) -> None:
    """They are the role's, and are in no environment variable."""
    role = site.cloud.role("metadata-task", [allow("ssm:DescribeParameters")])
    task, found = asked(site, overrides={"taskRoleArn": role})
    mine = found["mine"]
    assert sorted(mine) == ["AccessKeyId", "Expiration", "RoleArn", "SecretAccessKey", "Token"]
    assert mine["RoleArn"] == role
    assert mine["Expiration"].endswith("Z")
    for page in ("clock", "posted"):
        assert found[page][0] == 403
        assert "from this machine only" in found[page][1]
    assert found["variables"] == [
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_EXECUTION_ENV",
        "AWS_REGION", "ECS_CONTAINER_METADATA_URI_V4",
    ]  # fmt: skip
    after = Person(site.cloud, mine | {"SessionToken": mine["Token"]})
    assert refused(after.client("ssm").describe_parameters)[0] == "ExpiredTokenException"
    assert task["taskArn"]


def running(site: Site, **arguments: Any) -> str:
    """Run a task until it is RUNNING; return its ARN."""
    definition = site.definition(site.cloud.image("good"))
    task = site.ecs.run_task(
        cluster=site.name, taskDefinition=definition, networkConfiguration=site.network_configuration(), **arguments
    )["tasks"][0]["taskArn"]
    site.ecs.get_waiter("tasks_running").wait(cluster=site.name, tasks=[task], WaiterConfig={"Delay": 1})
    return str(task)


def stop(site: Site, task: str) -> None:
    """Stop a task and wait until it has stopped."""
    site.ecs.stop_task(cluster=site.name, task=task)
    site.ecs.get_waiter("tasks_stopped").wait(cluster=site.name, tasks=[task], WaiterConfig={"Delay": 1})


def test_a_role_is_what_its_tasks_act_as(site: Site) -> None:
    """While a task runs, by the credentials that this machine can ask for, too."""
    role = site.cloud.role("metadata-task", [allow("ssm:DescribeParameters")])
    task = running(site, overrides={"taskRoleArn": role})
    (container,) = [one for one in site.cloud.containers("task") if one.labels[label("task")] == task]
    variables = dict(pair.split("=", 1) for pair in container.attrs["Config"]["Env"])
    page = f"http://127.0.0.1:{PORT}/_localcloud/ecs{variables['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI']}"
    answer = httpx.get(page).raise_for_status().json()
    assert httpx.get(page).json() == answer
    person = Person(site.cloud, answer | {"SessionToken": answer["Token"]})
    identity = person.client("sts").get_caller_identity()["Arn"]
    assert identity == f"arn:aws:sts::000000000000:assumed-role/metadata-task/{task.rpartition('/')[2]}"
    stop(site, task)
    assert httpx.get(page).status_code == 400


def test_containers_of_a_task_share_the_credentials_but_not_the_metadata(site: Site) -> None:
    """Each has an identity of its own; the pause container owns the address."""
    image = site.cloud.image("good")
    logs = {"logDriver": "awslogs", "options": {"awslogs-group": f"/contract/{site.name}", "awslogs-region": "x",
                                                "awslogs-stream-prefix": "x"}}  # fmt: skip
    row = {"image": image, "command": ["python3", "-c", ASK], "logConfiguration": logs}
    rows: list[dict[str, Any]] = [
        {"name": "app", "dependsOn": [{"containerName": "side", "condition": "SUCCESS"}], **row},
        {"name": "side", "essential": False, **row},
    ]
    made = site.ecs.register_task_definition(
        family="metadata-pair", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        executionRoleArn="arn:aws:iam::000000000000:role/execution", containerDefinitions=rows,
    )["taskDefinition"]["taskDefinitionArn"]  # fmt: skip
    task = site.run(made)
    found = told(site, task)
    assert found["container"]["Name"] == "app"
    assert [row["Name"] for row in found["task"]["Containers"]] == ["app", "side"]
    assert len({json.dumps(row["Networks"]) for row in found["task"]["Containers"]}) == 1


def test_nothing_is_left_once_the_last_task_has_stopped(site: Site) -> None:
    """The proxy at 169.254.170.2 is there while tasks are, and is started again where it was removed."""
    task = running(site)
    (proxy,) = site.cloud.containers("metadata")
    proxy.remove(force=True)
    until(lambda: [one.status for one in site.cloud.containers("metadata")] == ["running"])
    stop(site, task)
    until(lambda: not site.cloud.containers("metadata"))
