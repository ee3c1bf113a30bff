"""Registry, database, gateway and durability, by boto3 and Docker against a separate local cloud."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import socket
import ssl
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import httpx
import pytest

from support.emulator import (
    ENDPOINT,
    NETWORK,
    PORT,
    Cloud,
    available,
    login,
    push,
    refused,
    sql,
)
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

SSL_REQUEST = 80877103
"""The code of SSLRequest (PostgreSQL's frontend/backend protocol, "Message Formats")."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A running, empty local cloud."""
    found = Cloud(tmp_path_factory.mktemp("cloud"))
    found.up()
    yield found
    done = found.command("reset")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def repository(cloud: Cloud) -> Iterator[str]:
    """An empty repository with immutable tags."""
    ecr = cloud.client("ecr")
    ecr.create_repository(repositoryName="tests/app", imageTagMutability="IMMUTABLE")
    yield "tests/app"
    ecr.delete_repository(repositoryName="tests/app", force=True)


def test_a_repository_and_its_token_name_the_local_registry(cloud: Cloud, repository: str) -> None:
    """A push must not leave the machine (ministack returns an AWS host)."""
    ecr = cloud.client("ecr")
    found = ecr.describe_repositories(repositoryNames=[repository])["repositories"][0]
    assert found["repositoryUri"] == f"127.0.0.1:{PORT}/{repository}"
    assert ecr.get_authorization_token()["authorizationData"][0]["proxyEndpoint"] == ENDPOINT


def test_each_authorization_token_is_new_and_checked(cloud: Cloud, repository: str) -> None:
    """As on AWS: tokens are never the same, and a push needs one."""
    assert login(cloud) != login(cloud)
    for token in ("", "Basic " + base64.b64encode(b"AWS:guessed.0.0").decode()):
        answer = httpx.post(f"{ENDPOINT}/v2/{repository}/blobs/uploads/", headers={"Authorization": token})
        assert answer.status_code == 401


def test_an_immutable_tag_keeps_its_image(cloud: Cloud, repository: str) -> None:
    """Another image for the tag is refused by push and by PutImage; the same image can be pushed again."""
    ecr = cloud.client("ecr")
    assert push(cloud, repository, "one", b"first").status_code == 201
    assert push(cloud, repository, "one", b"first").status_code == 201
    answer = push(cloud, repository, "one", b"second")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "TAG_INVALID")
    assert push(cloud, repository, "two", b"second").status_code == 201
    second = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": "two"}])["images"][0][
        "imageManifest"
    ]
    put = {"repositoryName": repository, "imageManifest": second}
    refused("ImageTagAlreadyExistsException", lambda: ecr.put_image(**put, imageTag="one"))
    refused("ImageAlreadyExistsException", lambda: ecr.put_image(**put, imageTag="two"))


def test_a_second_tag_names_the_same_image(cloud: Cloud, repository: str) -> None:
    """PutImage with an existing manifest adds a tag; push time and size are returned."""
    ecr = cloud.client("ecr")
    push(cloud, repository, "content-1", b"layer")
    image = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": "content-1"}])["images"][0]
    ecr.put_image(repositoryName=repository, imageManifest=image["imageManifest"], imageTag="accepted-1")
    (detail,) = ecr.describe_images(repositoryName=repository)["imageDetails"]
    assert sorted(detail["imageTags"]) == ["accepted-1", "content-1"]
    assert detail["imageDigest"] == image["imageId"]["imageDigest"]
    assert detail["imagePushedAt"].timestamp() == pytest.approx(time.time(), abs=60)
    assert detail["imageSizeInBytes"] == len(b"layer") + len(json.dumps({"made": "layer"}))


def test_deleting_a_tag_leaves_an_image_that_has_another(cloud: Cloud, repository: str) -> None:
    """An image is deleted with its last tag (in ministack with its first)."""
    ecr = cloud.client("ecr")
    push(cloud, repository, "a", b"layer")
    push(cloud, repository, "b", b"layer")
    ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": "a"}])
    assert ecr.describe_images(repositoryName=repository)["imageDetails"][0]["imageTags"] == ["b"]
    ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": "b"}])
    assert ecr.describe_images(repositoryName=repository)["imageDetails"] == []
    wanted = [{"imageTag": "b"}]
    refused("ImageNotFoundException", lambda: ecr.describe_images(repositoryName=repository, imageIds=wanted))


def test_a_rule_for_all_protocols_has_no_ports(cloud: Cloud) -> None:
    """So that the provider can revoke the default egress rule, and a similar one keeps its tags."""
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="rules", Description="rules", VpcId=vpc)["GroupId"]
    everywhere = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[{**everywhere, "FromPort": 0, "ToPort": 0}])
    mine = [{"Name": "group-id", "Values": [group]}]
    assert ec2.describe_security_group_rules(Filters=mine)["SecurityGroupRules"] == []
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "who", "Value": "me"}]}]
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[everywhere], TagSpecifications=tags)
    (rule,) = ec2.describe_security_group_rules(Filters=mine)["SecurityGroupRules"]
    assert rule["Tags"] == [{"Key": "who", "Value": "me"}]
    ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc(VpcId=vpc)


def test_a_flow_log_tells_all_that_it_was_made_with(cloud: Cloud) -> None:
    """So that the provider does not replace it; a second one to the same destination is refused."""
    ec2, role = cloud.client("ec2"), "arn:aws:iam::000000000000:role/flow"
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    asked = {"ResourceIds": [vpc], "ResourceType": "VPC", "TrafficType": "ALL", "DeliverLogsPermissionArn": role}
    asked |= {"LogDestination": "arn:aws:logs:eu-central-1:000000000000:log-group:flow"}
    tags = [{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "who", "Value": "me"}]}]
    (made,) = ec2.create_flow_logs(**asked, TagSpecifications=tags)["FlowLogIds"]
    (told,) = ec2.describe_flow_logs(Filter=[{"Name": "tag:who", "Values": ["me"]}])["FlowLogs"]
    assert (told["FlowLogId"], told["DeliverLogsPermissionArn"], told["MaxAggregationInterval"]) == (made, role, 600)
    assert told["LogFormat"].startswith("${version} ${account-id} ")
    assert told["Tags"] == [{"Key": "who", "Value": "me"}]
    refused("FlowLogAlreadyExists", lambda: ec2.create_flow_logs(**asked))
    ec2.delete_flow_logs(FlowLogIds=[made])
    ec2.delete_vpc(VpcId=vpc)


def test_what_is_not_served_is_refused_by_name(cloud: Cloud) -> None:
    """The provider would retry a 5xx for 10 minutes; a made-up response would hide a failure."""
    message = refused("UnsupportedOperation", lambda: cloud.client("lambda").list_functions())
    assert "lambda" in message
    message = refused("UnsupportedOperation", lambda: cloud.client("ecr").describe_pull_through_cache_rules())
    assert "DescribePullThroughCacheRules" in message


def test_nothing_listens_beyond_loopback_and_the_network(cloud: Cloud) -> None:
    """The gateway binds to two addresses, never to all of them."""
    pid = json.loads((cloud.state / "run.json").read_text())["pid"]
    gateway = json.loads((cloud.state / "run.json").read_text())["gateway"]
    inodes = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    mine = {row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes}
    swapped = "".join(f"{int(part):02X}" for part in reversed(gateway.split(".")))
    assert mine == {f"0100007F:{int(PORT):04X}", f"{swapped}:{int(PORT):04X}"}


def test_the_request_log_holds_no_bodies(cloud: Cloud) -> None:
    """Bodies contain secrets, and queries signatures; neither is logged."""
    manager = cloud.client("secretsmanager")
    manager.create_secret(Name="logged", SecretString="never-in-a-log")
    assert manager.get_secret_value(SecretId="logged")["SecretString"] == "never-in-a-log"
    manager.delete_secret(SecretId="logged", ForceDeleteWithoutRecovery=True)
    for log in (cloud.state / "log").iterdir():
        assert "never-in-a-log" not in log.read_text()


@pytest.fixture
def database(cloud: Cloud) -> Iterator[dict[str, Any]]:
    """A PostgreSQL instance whose password RDS manages; deleted afterwards."""
    ec2, rds = cloud.client("ec2"), cloud.client("rds")
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.8.{number}.0/24", AvailabilityZone=f"eu-central-1{zone}")["Subnet"]
        for number, zone in enumerate("ab")
    ]
    identifiers = [subnet["SubnetId"] for subnet in subnets]
    rds.create_db_subnet_group(DBSubnetGroupName="tests", DBSubnetGroupDescription="tests", SubnetIds=identifiers)
    rds.create_db_instance(
        DBInstanceIdentifier="tests", DBInstanceClass="db.t4g.micro", Engine="postgres", EngineVersion="15",
        AllocatedStorage=20, MasterUsername="guest", ManageMasterUserPassword=True, DBName="book",
        DBSubnetGroupName="tests",
    )  # fmt: skip
    yield available(rds)
    rds.delete_db_instance(DBInstanceIdentifier="tests", SkipFinalSnapshot=True)
    until(lambda: not rds.describe_db_instances()["DBInstances"])
    rds.delete_db_subnet_group(DBSubnetGroupName="tests")
    for identifier in identifiers:
        ec2.delete_subnet(SubnetId=identifier)
    ec2.delete_vpc(VpcId=vpc)


def recovered(cloud: Cloud, password: str, address: str) -> str:
    """Return what the table holds; empty while PostgreSQL recovers from having been killed and admits nobody."""
    try:
        return sql(cloud, password, address, "select number from kept")
    except docker.errors.ContainerError as error:
        assert b"not yet accepting connections" in error.stderr, error  # noqa: PT017 - any other error is a failure
        return ""


def test_a_database_survives_kills_and_leaves_nothing(cloud: Cloud, database: dict[str, Any]) -> None:
    """Its password is in a secret, data survives process and container, and `sweep` lists all of it."""
    secret = database["MasterUserSecret"]["SecretArn"]
    value = json.loads(cloud.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
    assert value["username"] == "guest"
    address = database["Endpoint"]["Address"]
    sql(cloud, value["password"], address, "create table kept (number int); insert into kept values (42)")
    with pytest.raises(docker.errors.ContainerError):
        sql(cloud, "guessed", address, "select 1")

    container = docker.from_env().containers.get(f"{NETWORK}-db-tests")
    assert value["password"] not in json.dumps(container.attrs)
    cloud.kill()
    container.remove(force=True)
    cloud.up()
    again = available(cloud.client("rds"))
    assert again["Endpoint"]["Address"] == address
    assert until(lambda: recovered(cloud, value["password"], address)) == "42"

    left = cloud.command("sweep").stdout.splitlines()
    assert {f"container {NETWORK}-db-tests (running)", f"volume {NETWORK}-db-tests", "database tests"} <= set(left)


def managed(cloud: Cloud, database: dict[str, Any]) -> str:
    """Return the password in the secret that RDS manages for an instance."""
    secret = cloud.client("secretsmanager").get_secret_value(SecretId=database["MasterUserSecret"]["SecretArn"])
    password: str = json.loads(secret["SecretString"])["password"]
    return password


def test_a_reserved_word_is_refused_as_the_master_user(cloud: Cloud) -> None:
    """Before anything else of the request is looked at."""
    given = {"Engine": "postgres", "DBInstanceClass": "db.t4g.micro", "DBSubnetGroupName": "none"}
    create = cloud.client("rds").create_db_instance
    message = refused("InvalidParameterValue", lambda: create(
        DBInstanceIdentifier="tests", MasterUsername="admin", ManageMasterUserPassword=True, **given))  # fmt: skip
    assert message == "MasterUsername admin cannot be used as it is a reserved word used by the engine"


def test_a_snapshot_is_restored_with_its_data(cloud: Cloud, database: dict[str, Any]) -> None:
    """Beside the instance that it was taken of; a managed password is set afterwards, as RDS does it, too."""
    rds, address = cloud.client("rds"), database["Endpoint"]["Address"]
    sql(cloud, managed(cloud, database), address, "create table kept (number int); insert into kept values (42)")
    rds.create_db_snapshot(DBInstanceIdentifier="tests", DBSnapshotIdentifier="before")
    sql(cloud, managed(cloud, database), address, "update kept set number = 43")
    refused("DBSnapshotNotFound", lambda: rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="again", DBSnapshotIdentifier="nothing", DBSubnetGroupName="tests"))  # fmt: skip
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="again", DBSnapshotIdentifier="before", DBSubnetGroupName="tests"
    )
    try:
        again = available(rds, "again")
        assert (again["DBName"], again["MasterUsername"], again["AllocatedStorage"]) == ("book", "guest", 20)
        rds.modify_db_instance(DBInstanceIdentifier="again", ManageMasterUserPassword=True)
        again = available(rds, "again")
        assert managed(cloud, again) != managed(cloud, database)
        assert sql(cloud, managed(cloud, again), again["Endpoint"]["Address"], "select number from kept") == "42"
        assert sql(cloud, managed(cloud, database), address, "select number from kept") == "43"
    finally:
        rds.delete_db_instance(DBInstanceIdentifier="again", SkipFinalSnapshot=True)
        until(lambda: len(rds.describe_db_instances()["DBInstances"]) == 1)
        rds.delete_db_snapshot(DBSnapshotIdentifier="before")


def test_a_database_admits_nobody_without_tls(cloud: Cloud, database: dict[str, Any]) -> None:
    """As RDS for PostgreSQL does from version 15 on; the certificate is one of the local authority's."""
    password, address = managed(cloud, database), database["Endpoint"]["Address"]
    with pytest.raises(docker.errors.ContainerError) as failed:
        sql(cloud, password, address, "select 1", PGSSLMODE="disable")
    words = r'no pg_hba.conf entry for host "[\d.]+", user "guest", database "book", no encryption'
    assert re.search(words, failed.value.stderr.decode())
    encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
    assert sql(cloud, password, address, encrypted) == "t"
    assert sql(cloud, password, address, encrypted, PGSSLMODE="require") == "t"
    context = ssl.create_default_context(cafile=cloud.state / "tls" / "ca.pem")
    with socket.create_connection((address, 5432), timeout=10) as plain:
        plain.sendall(struct.pack("!ii", 8, SSL_REQUEST))
        assert plain.recv(1) == b"S"
        with context.wrap_socket(plain, server_hostname=address) as encrypted_socket:
            assert encrypted_socket.version() == "TLSv1.3"


def test_nothing_of_ministacks_state_is_lost_by_a_kill(cloud: Cloud, repository: str) -> None:
    """Confirmed changes survive kill -9, including objects and image layers."""
    ssm, s3, logs, iam = (cloud.client(api) for api in ("ssm", "s3", "logs", "iam"))
    ssm.put_parameter(Name="/tests/kept", Value="yes", Type="String")
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket="kept", Key="folder/object", Body=b"content")
    logs.create_log_group(logGroupName="/tests/kept")
    iam.create_role(RoleName="kept", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}')
    push(cloud, repository, "kept", b"layer to keep")
    cloud.kill()
    cloud.up()
    assert ssm.get_parameter(Name="/tests/kept")["Parameter"]["Value"] == "yes"
    assert s3.get_object(Bucket="kept", Key="folder/object")["Body"].read() == b"content"
    assert len(logs.describe_log_groups(logGroupNamePrefix="/tests/kept")["logGroups"]) == 1
    assert iam.get_role(RoleName="kept")["Role"]["RoleName"] == "kept"
    digest = hashlib.sha256(b"layer to keep").hexdigest()
    found = httpx.get(f"{ENDPOINT}/v2/{repository}/blobs/sha256:{digest}", headers=login(cloud))
    assert found.content == b"layer to keep"

    left = cloud.command("sweep")
    assert left.returncode == 1
    expected = {
        "parameter /tests/kept",
        "bucket kept",
        "log group /tests/kept",
        "role kept",
        f"repository {repository}",
    }
    assert expected <= set(left.stdout.splitlines())
    ssm.delete_parameter(Name="/tests/kept")
    s3.delete_object(Bucket="kept", Key="folder/object")
    s3.delete_bucket(Bucket="kept")
    logs.delete_log_group(logGroupName="/tests/kept")
    iam.delete_role(RoleName="kept")


def test_without_its_state_the_process_ends(cloud: Cloud) -> None:
    """Otherwise it would keep starting containers that no command cleans up. With the folder back, `up` works again."""
    cloud.client("ssm").put_parameter(Name="/tests/moved", Value="yes", Type="String")
    elsewhere = cloud.state.with_name("elsewhere")
    process = Path("/proc", str(json.loads((cloud.state / "run.json").read_text())["pid"]))
    cloud.state.rename(elsewhere)
    try:
        until(lambda: not process.exists())
    finally:
        shutil.rmtree(cloud.state, ignore_errors=True)  # the folder may be recreated for a line of the log
        elsewhere.rename(cloud.state)
    cloud.up()
    cloud.client("ssm").delete_parameter(Name="/tests/moved")


def test_the_commands_can_be_repeated(cloud: Cloud) -> None:
    """Each command is idempotent, and `down` keeps the state."""
    ssm = cloud.client("ssm")
    ssm.put_parameter(Name="/tests/down", Value="yes", Type="String")
    assert "ready at" in cloud.command("up").stdout
    assert cloud.command("status", "--json").returncode == 0
    assert cloud.command("down").returncode == 0
    assert cloud.command("status").returncode == 3
    assert cloud.command("down").returncode == 0
    done = cloud.command("sweep")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    cloud.up()
    ssm.delete_parameter(Name="/tests/down")
    assert cloud.command("sweep").stdout == "nothing left\n"


def test_a_taken_port_is_refused_with_its_holders_name(cloud: Cloud, tmp_path: Path) -> None:
    """Another local cloud on the same port names the process."""
    other = Cloud(tmp_path)
    other.variables["LOCALCLOUD_NETWORK"] = NETWORK
    done = other.command("up")
    assert done.returncode == 1
    assert f"port {PORT} is taken by process" in done.stderr
    assert cloud.command("status").returncode == 0
