"""What every service of the local cloud is given, and what it has to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import docker
    from starlette.requests import Request
    from starlette.responses import Response

    from localcloud.iam.authority import Authority
    from localcloud.state.clock import Clock
    from localcloud.state.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """One running local cloud."""

    account: str
    """The AWS account's number, "000000000000"."""
    region: str
    """The region assumed where a request names none."""
    endpoint: str
    """The gateway as the host sees it, e.g. "http://127.0.0.1:4566"."""
    container_endpoint: str
    """The gateway as containers on the network see it, e.g. "http://172.31.250.1:4566"."""
    network: str
    """Name of the Docker network that tasks, load balancers and databases sit on."""
    docker: docker.DockerClient
    store: Store
    """Documents that survive any kind of stop."""
    state_dir: Path
    """The folder of everything that is kept (".localcloud")."""
    clock: Clock
    """The time that pipelines and builds go by."""
    images: dict[str, str]
    """Names of the base images in use by variable: PYTHON_IMAGE, POSTGRES_IMAGE, HAPROXY_IMAGE, CODEBUILD_IMAGE."""
    iam: Authority
    """Sessions of roles, and what they may do."""

    def control_url(self, service: str, path: str) -> str:
        """Return the address at which a service's `control` gets requests that are not AWS's: webhooks and the like."""
        return f"{self.endpoint}/_localcloud/{service}/{path}"


class Service(Protocol):
    """An AWS service served by the local cloud itself; the gateway hands it its requests."""

    api: str
    """The service's name in botocore, e.g. "elbv2"."""
    signing_name: str
    """The service's name in SigV4 credential scopes, e.g. "elasticloadbalancing": the gateway routes by it."""
    control: Callable[[Request], Awaitable[Response]] | None
    """Answers unsigned requests below /_localcloud/<api>/: webhooks and what AWS has in its console only."""

    async def start(self) -> None:
        """Make what Docker runs agree with what the store holds, after any kind of stop."""

    async def stop(self) -> None:
        """Stop loops and close connections; containers stay."""

    async def handle(self, request: Request) -> Response:
        """Answer one API request; whatever is not supported gets a 4xx that names it."""
        ...

    async def reset(self) -> None:
        """Remove everything that the service holds, containers included."""
