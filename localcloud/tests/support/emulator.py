"""The separate local cloud of the emulator tests, and helpers."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import boto3
import docker
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.settings import NAME
from support import ports
from support.cloud import PYTHON
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PORT = ports.own("EMULATOR_PORT", 4595)
NETWORK = f"{NAME}-emulator-{PORT}"
ENDPOINT = f"http://127.0.0.1:{PORT}"


class Cloud:
    """The local cloud of these tests."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.variables = {
            **os.environ,
            "LOCALCLOUD_STATE": str(state),
            "LOCALCLOUD_PORT": PORT,
            "LOCALCLOUD_NETWORK": NETWORK,
        }

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m localcloud` with the arguments."""
        return subprocess.run(
            [PYTHON, "-m", "localcloud", *words],
            env=self.variables, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip

    def up(self) -> None:
        """Start the local cloud."""
        done = self.command("up", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr

    def kill(self) -> None:
        """Kill the process (SIGKILL)."""
        pid = json.loads((self.state / "run.json").read_text())["pid"]
        os.kill(pid, signal.SIGKILL)
        while httpx_answers():
            time.sleep(0.05)

    @staticmethod
    def client(api: str) -> Any:
        """Return a boto3 client without retries."""
        return boto3.client(
            api,
            endpoint_url=ENDPOINT,
            region_name="eu-central-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )


def httpx_answers() -> bool:
    """Tell whether the endpoint responds."""
    try:
        httpx.get(f"{ENDPOINT}/_localcloud/health", timeout=2)
    except httpx.HTTPError:
        return False
    return True


def login(cloud: Cloud) -> dict[str, str]:
    """Return the Authorization header for a push."""
    token = cloud.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    return {"Authorization": f"Basic {token}"}


def push(cloud: Cloud, repository: str, tag: str, content: bytes) -> httpx.Response:
    """Push a one-layer image and return the response to its manifest."""
    headers, digests = login(cloud), []
    for blob in (json.dumps({"made": content.decode()}).encode(), content):
        begun = httpx.post(f"{ENDPOINT}/v2/{repository}/blobs/uploads/", headers=headers)
        assert begun.status_code == 202, begun.text
        digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
        url = ENDPOINT + begun.headers["location"]
        assert httpx.put(url, params={"digest": digest}, content=blob, headers=headers).status_code == 201
        digests.append((digest, len(blob)))
    (config, config_size), (layer, layer_size) = digests
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "digest": config,
            "size": config_size,
        },
        "layers": [{"mediaType": "application/octet-stream", "digest": layer, "size": layer_size}],
    }
    return httpx.put(
        f"{ENDPOINT}/v2/{repository}/manifests/{tag}", json=manifest, headers={**headers, "content-type": kind}
    )


def refused(code: str, call: Callable[[], object]) -> str:
    """Return the message of the API error that the call must raise, with the given code."""
    with pytest.raises(ClientError) as caught:
        call()
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500
    return str(caught.value.response["Error"]["Message"])


def available(rds: Any, identifier: str = "tests") -> dict[str, Any]:
    """Wait until a database is available and return its description."""

    def found() -> dict[str, Any]:
        row: dict[str, Any] = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]
        return row

    until(lambda: found()["DBInstanceStatus"] == "available")
    return found()


def sql(cloud: Cloud, password: str, address: str, statement: str, **variables: str) -> str:
    """Run an SQL statement from another container on the network, as a task does; with libpq's variables."""
    output: bytes = docker.from_env().containers.run(
        json.loads(cloud.command("env", "--json").stdout)["POSTGRES_IMAGE"],
        ["psql", "-h", address, "-U", "guest", "-d", "book", "-tAc", statement],
        environment={"PGPASSWORD": password, **variables}, network=NETWORK, remove=True,
    )  # fmt: skip
    return output.decode().strip()
