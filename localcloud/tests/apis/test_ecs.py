"""ECS through boto3: tasks and services, refusals, descriptions."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError

from support.cloud import Site
from support.fixtures import PORT
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.cloud import Cloud

PRINT = "import os,sys;print(os.environ.get('VALUE'),os.getcwd(),os.getuid(),*sys.argv[1:])"


@pytest.fixture(scope="module")
def site(cloud: Cloud) -> Site:
    """A load balancer and a cluster."""
    return Site(cloud, "contract-ecs")


def lines(site: Site, task: dict[str, Any]) -> list[str]:
    """Return the log of a task's container in CloudWatch Logs."""
    stream = f"x/app/{task['taskArn'].rpartition('/')[2]}"
    events = site.cloud.client("logs").get_log_events(logGroupName=f"/contract/{site.name}", logStreamName=stream)[
        "events"
    ]
    return [event["message"] for event in events]


def code(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    """Return an error's code and message."""
    found = error.value.response["Error"]
    return found["Code"], found["Message"]


def test_a_task_honours_its_container_definition(site: Site) -> None:
    """Entry point, command, user, working directory, secrets, read-only root, exit code and logs."""
    secret = site.cloud.client("secretsmanager").create_secret(
        Name="contract", SecretString=json.dumps({"key": "hush"})
    )
    site.cloud.client("ssm").put_parameter(Name="/contract/p", Value="param", Type="SecureString")
    script = f"{PRINT};print(os.environ['PARAM']);open('/scratch/x','w');open('/x','w')"
    task = site.run(
        site.definition(
            site.cloud.image("good"), entryPoint=["python3", "-u", "-c", script], command=["one", "two"], user="1000",
            workingDirectory="/tmp", readonlyRootFilesystem=True,  # noqa: S108  inside the container
            linuxParameters={"tmpfs": [{"containerPath": "/scratch", "size": 4, "mountOptions": ["mode=1777"]}]},
            secrets=[
                {"name": "VALUE", "valueFrom": f"{secret['ARN']}:key::"},
                {"name": "PARAM", "valueFrom": "/contract/p"},
            ],
        )
    )  # fmt: skip
    assert (task["stopCode"], task["containers"][0]["exitCode"]) == ("EssentialContainerExited", 1)
    written = lines(site, task)
    assert {"hush /tmp 1000 one two", "param"} < set(written)
    assert any("Read-only file system: '/x'" in line for line in written)


def test_overrides_of_run_task_are_honoured(site: Site) -> None:
    """Command and environment of one task."""
    override = {"name": "app", "command": ["python3", "-c", PRINT], "environment": [{"name": "VALUE", "value": "over"}]}
    task = site.run(site.definition(site.cloud.image("good")), overrides={"containerOverrides": [override]})
    assert task["containers"][0]["exitCode"] == 0
    assert lines(site, task) == ["over / 0"]


def test_a_task_above_its_memory_is_killed_with_the_reason(site: Site) -> None:
    """The task's limit is 512 MiB."""
    command = ["python3", "-c", "x=bytearray(700*1024*1024)"]
    task = site.run(site.definition(site.cloud.image("good"), command=command))
    assert task["containers"][0]["exitCode"] == 137
    assert task["stoppedReason"] == "OutOfMemoryError: Container killed due to memory usage"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"image": f"127.0.0.1:{PORT}/no/such:1"}, "CannotPullContainerError"),
        (
            {"secrets": [{"name": "A", "valueFrom": "no-such-parameter"}]},
            "ResourceInitializationError: unable to pull secrets",
        ),
        ({"entryPoint": ["/no/such"]}, "CannotStartContainerError"),
        (
            {
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {"awslogs-group": "/no/such", "awslogs-region": "x"},
                }
            },
            "ResourceInitializationError: failed to validate logger args",
        ),
    ],
)
def test_a_task_that_cannot_start_says_why(site: Site, change: dict[str, Any], reason: str) -> None:
    """With AWS's message and TaskFailedToStart."""
    arguments = {"image": site.cloud.image("good")} | change
    task = site.run(site.definition(**arguments))
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith(reason)


def test_containers_of_a_task_share_network_and_order(site: Site) -> None:
    """The second starts once the first is healthy, and reaches it on 127.0.0.1."""
    image = site.cloud.image("good")
    fetch = "import urllib.request as u;print(u.urlopen('http://127.0.0.1:8080/').status)"
    check = {
        "command": ["CMD", "python3", "-c", "import socket;socket.create_connection(('127.0.0.1',8080))"],
        "interval": 5,
    }
    logs = {"logDriver": "awslogs", "options": {"awslogs-group": f"/contract/{site.name}", "awslogs-region": "x",
                                                "awslogs-stream-prefix": "x"}}  # fmt: skip
    made = site.ecs.register_task_definition(
        family="pair", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        executionRoleArn="arn:aws:iam::000000000000:role/execution",
        containerDefinitions=[
            {"name": "web", "image": image, "essential": False, "healthCheck": check},
            {"name": "app", "image": image, "command": ["python3", "-c", fetch], "logConfiguration": logs,
             "dependsOn": [{"containerName": "web", "condition": "HEALTHY"}]},
        ],
    )  # fmt: skip
    task = site.run(made["taskDefinition"]["taskDefinitionArn"])
    assert lines(site, task) == ["200"]
    assert {row["name"]: row["exitCode"] for row in task["containers"]}["app"] == 0
    assert not [container for container in site.cloud.containers("task") if "pause" in container.name]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"cpu": "256", "memory": "4096"}, "No Fargate configuration exists"),
        ({"networkMode": "bridge"}, "awsvpc"),
        ({"requiresCompatibilities": ["EC2"]}, "FARGATE"),
        ({"executionRoleArn": ""}, "execution role"),
        ({"volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "f"}}]}, "volumes of the task only"),
    ],
)
def test_task_definitions_that_would_not_run_are_refused(ecs: Any, change: dict[str, Any], text: str) -> None:
    """By AWS's rules, or as an unsupported feature of the local cloud."""
    logs = {
        "logDriver": "awslogs",
        "options": {"awslogs-group": "g", "awslogs-region": "x", "awslogs-stream-prefix": "x"},
    }
    good: dict[str, Any] = {
        "family": "refused", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "executionRoleArn": "arn:aws:iam::000000000000:role/x",
        "containerDefinitions": [{"name": "a", "image": "i", "logConfiguration": logs}],
    }  # fmt: skip
    with pytest.raises(ClientError) as error:
        ecs.register_task_definition(**(good | change))
    assert text in code(error)[1]


def test_an_inactive_task_definition_starts_nothing_new(site: Site) -> None:
    """RunTask and CreateService refuse it; DescribeTaskDefinition still returns it; its revision is not reused."""
    arn = site.definition(site.cloud.image("good"))
    site.ecs.deregister_task_definition(taskDefinition=arn)
    calls: list[Callable[[str], object]] = [site.run, site.serve]
    for call in calls:
        with pytest.raises(ClientError) as error:
            call(arn)
        assert code(error) == ("ClientException", "TaskDefinition is inactive")
    assert site.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]["status"] == "INACTIVE"
    site.ecs.delete_task_definitions(taskDefinitions=[arn])
    assert int(site.definition(site.cloud.image("good")).rpartition(":")[2]) > int(arn.rpartition(":")[2])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"launchType": "EC2"}, "the launch type EC2"),
        ({"deploymentConfiguration": {"strategy": "BLUE_GREEN"}}, "the deployment strategy BLUE_GREEN"),
        ({"schedulingStrategy": "DAEMON"}, "the scheduling strategy DAEMON"),
        (
            {"loadBalancers": [{"targetGroupArn": "x", "containerName": "app", "containerPort": 8080}]},
            "associated load balancer",
        ),
    ],
)
def test_services_that_would_not_run_are_refused(site: Site, change: dict[str, Any], text: str) -> None:
    """Unsupported features are never silently ignored."""
    arguments: dict[str, Any] = {"launchType": "FARGATE", "networkConfiguration": site.network_configuration()} | change
    definition = site.definition(site.cloud.image("good"))
    with pytest.raises(ClientError) as error:
        site.ecs.create_service(cluster=site.name, serviceName="refused", taskDefinition=definition, **arguments)
    assert text in code(error)[1]


def test_a_service_lives_from_creation_to_deletion(cloud: Cloud) -> None:
    """It is created, described, scaled, healed and deleted without leftovers."""
    site = Site(cloud, "contract-life")
    began = time.time()
    created = site.serve(
        site.definition(cloud.image("good"), {"RELEASE": "1"}),
        tags=[{"key": "a", "value": "b"}],
        enableECSManagedTags=True,
        propagateTags="SERVICE",
        availabilityZoneRebalancing="ENABLED",
    )
    assert created["deployments"][0]["createdAt"].timestamp() > began
    assert site.outcome()["status"] == "SUCCESSFUL"
    site.ecs.get_waiter("services_stable").wait(
        cluster=site.name, services=["web"], WaiterConfig={"Delay": 1, "MaxAttempts": 3}
    )
    assert httpx.get(f"http://{site.host}/").text.startswith("1 ")
    service = site.service()
    assert (service["runningCount"], len(service["deployments"])) == (2, 1)
    assert service["availabilityZoneRebalancing"] == "ENABLED"
    revisions = [row["arn"] for row in service["currentServiceRevisions"]]
    shown = site.ecs.describe_service_revisions(serviceRevisionArns=revisions)["serviceRevisions"][0]
    assert shown["taskDefinition"] == service["taskDefinition"]
    tasks = site.tasks()
    addresses = {row["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] for row in tasks}
    healthy = site.elb.describe_target_health(TargetGroupArn=site.group)["TargetHealthDescriptions"]
    assert {row["Target"]["Id"] for row in healthy if row["TargetHealth"]["State"] == "healthy"} == addresses
    for container in cloud.containers("task")[:1]:
        container.kill()
    before = {task["taskArn"] for task in tasks}

    def healed() -> bool:
        now = {task["taskArn"]: task["lastStatus"] for task in site.tasks()}
        return set(now) != before and list(now.values()) == ["RUNNING"] * 2

    until(healed)
    site.update(desiredCount=0)
    site.ecs.get_waiter("services_stable").wait(
        cluster=site.name, services=["web"], WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    assert httpx.get(f"http://{site.host}/").status_code == 503
    with pytest.raises(ClientError) as error:
        site.ecs.delete_cluster(cluster=site.name)
    assert code(error)[0] == "ClusterContainsServicesException"
    site.ecs.delete_service(cluster=site.name, service="web")
    site.ecs.get_waiter("services_inactive").wait(
        cluster=site.name, services=["web"], WaiterConfig={"Delay": 1, "MaxAttempts": 40}
    )
    site.ecs.delete_cluster(cluster=site.name)
    site.elb.delete_load_balancer(LoadBalancerArn=site.balancer)
    site.elb.delete_target_group(TargetGroupArn=site.group)
    left = [c.name for kind in ("task", "balancer") for c in cloud.containers(kind) if "contract-life" in str(c.labels)]
    assert left == []
