"""The context passed to every service of the local cloud, and the interface that a service implements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import docker
    from starlette.requests import Request
    from starlette.responses import Response

    from localcloud.certificates.acm import Certificates
    from localcloud.iam.authority import Authority
    from localcloud.ministack_adapter.cloudwatch import CloudWatch
    from localcloud.state.clock import Clock
    from localcloud.state.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """One running local cloud."""

    account: str
    """The AWS account id, "000000000000"."""
    region: str
    """The default region, for requests that name none."""
    endpoint: str
    """The gateway's URL on the host, e.g. "http://127.0.0.1:4566"."""
    container_endpoint: str
    """The gateway's URL from containers on the network, e.g. "http://172.31.250.1:4566"."""
    network: str
    """Name of the Docker network of tasks, load balancers and databases."""
    docker: docker.DockerClient
    store: Store
    """Documents that survive a restart or a kill."""
    state_dir: Path
    """The folder with all persistent state (".localcloud")."""
    clock: Clock
    """The clock of pipelines and builds."""
    images: dict[str, str]
    """Base image names by variable: PYTHON_IMAGE, POSTGRES_IMAGE, HAPROXY_IMAGE, CODEBUILD_IMAGE."""
    iam: Authority
    """Role sessions and their permissions."""
    certificates: Certificates
    """Server certificates, and the authority that issues them."""
    cloudwatch: CloudWatch
    """Metrics and alarms."""

    def control_url(self, service: str, path: str) -> str:
        """Return the URL of a service's `control` handler, which serves non-AWS requests such as webhooks."""
        return f"{self.endpoint}/_localcloud/{service}/{path}"


class Service(Protocol):
    """An AWS service implemented by the local cloud itself; the gateway routes its requests to it."""

    api: str
    """The service's name in botocore, e.g. "elbv2"."""
    signing_name: str
    """The service's name in SigV4 credential scopes, e.g. "elasticloadbalancing", by which the gateway routes."""
    control: Callable[[Request], Awaitable[Response]] | None
    """Handles unsigned requests to /_localcloud/<api>/: webhooks, and actions that AWS offers in its console only."""

    async def start(self) -> None:
        """Reconcile the containers in Docker with the documents in the store, after a restart or a kill."""

    async def stop(self) -> None:
        """Stop loops and close connections; containers keep running."""

    async def handle(self, request: Request) -> Response:
        """Handle one API request; anything unsupported gets a 4xx that names it."""
        ...

    async def reset(self) -> None:
        """Remove all of the service's resources, containers included."""
