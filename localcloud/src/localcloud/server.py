"""The local cloud's server process: ministack, our own services, and the gateway in front of both."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from typing import TYPE_CHECKING, Any

import uvicorn

from localcloud.certificates.acm import Certificates
from localcloud.certificates.authority import CertificateAuthority
from localcloud.commands import process
from localcloud.context import Context
from localcloud.docker_engine import engine, network
from localcloud.gateway import limits
from localcloud.gateway.application import Gateway
from localcloud.gateway.http_protocol import JoinedHttp
from localcloud.gateway.protocol import Api
from localcloud.gateway.request_log import OneLine, RequestLog
from localcloud.github import GitHub
from localcloud.iam import service_linked
from localcloud.iam.authority import Authority
from localcloud.iam.decision_log import DecisionLog
from localcloud.iam.gate import Gate
from localcloud.iam.lookups import Lookups
from localcloud.iam.roles import Roles
from localcloud.ministack_adapter import loader
from localcloud.ministack_adapter.cloudwatch import CloudWatch
from localcloud.ministack_adapter.persistence import Saver
from localcloud.page.operations import Operations
from localcloud.page.served import Page
from localcloud.services import own_services
from localcloud.services.clients import client
from localcloud.services.ecr import Ecr
from localcloud.services.rds import Rds
from localcloud.settings import ACCOUNT, COMMAND, REGION, Settings
from localcloud.state.clock import Clock
from localcloud.state.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.context import Service

logger = logging.getLogger("localcloud")
KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 3
STORE = "store.sqlite3"
WATCH_SECONDS = 2
IMAGE_VARIABLES = ("PYTHON_IMAGE", "POSTGRES_IMAGE", "HAPROXY_IMAGE", "CODEBUILD_IMAGE")
DOCKER_SECONDS = 300
"""Timeout of one Docker API call: a pull may take minutes."""


def serve(settings: Settings) -> None:
    """Run the local cloud until SIGTERM or SIGINT.

    Raises:
        UserError: no Docker Engine responds, or the network cannot be created.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    logging.basicConfig(handlers=[handler])
    engine.require().close()
    docker_client = engine.client(DOCKER_SECONDS) or engine.require()
    gateway_address = network.ensure(docker_client, settings)
    store = Store(settings.state_dir / STORE)
    sockets = [listener("127.0.0.1", settings.port), listener(gateway_address, settings.port)]
    application = loader.load(settings.state_dir, settings.port)
    iam = application._get_module("iam")  # noqa: SLF001 - ministack has no public name for it
    roles = Roles(iam, ACCOUNT)
    if not settings.new_account:
        service_linked.create_all(iam)
    authority = CertificateAuthority(settings.state_dir / "tls")
    certificates = Certificates(application._get_module("acm"), authority, ACCOUNT, REGION)  # noqa: SLF001 - ministack has no public name for it
    context = Context(
        account=ACCOUNT,
        region=REGION,
        endpoint=settings.endpoint,
        container_endpoint=f"http://{gateway_address}:{settings.port}",
        network=settings.network,
        docker=docker_client,
        store=store,
        state_dir=settings.state_dir,
        clock=Clock(store),
        images={name: value for name, value in os.environ.items() if name in IMAGE_VARIABLES},
        iam=Authority(store, roles, ACCOUNT, REGION),
        certificates=certificates,
        cloudwatch=CloudWatch(application._get_module("cloudwatch"), lambda: loader.save(application, "monitoring")),  # noqa: SLF001 - ministack has no public name for it
    )
    asyncio.run(Cloud(settings, context, application).run(sockets))


def listener(host: str, port: int) -> socket.socket:
    """Return a listening socket bound to one address, never to all of them."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((host, port))
    return found


def gate_of(context: Context, application: Any) -> Gate:
    """Return the gate that authenticates and authorizes requests."""
    modules = [application._get_module(name) for name in ("secretsmanager", "kms", "sts", "ssm")]  # noqa: SLF001 - ministack has no public name for it
    lookups = Lookups(context.iam.roles, *modules)
    hosts = {address.partition("//")[2] for address in (context.endpoint, context.container_endpoint)}
    port = context.endpoint.rpartition(":")[2]
    return Gate(context.iam, lookups, {*hosts, f"localhost:{port}"})


def services_of(context: Context, gateway: Gateway) -> list[Service]:
    """Return our own services in start order."""
    ecr = Ecr(context)
    gateway.registry = ecr.registry
    github = GitHub(context)
    gateway.github = github.app
    # GitHub last: it sends the push events that a killed process did not, and their receivers must be running.
    return [ecr, Rds(context), *own_services(context, github), github]


def page_of(context: Context, services: list[Service], health: Callable[[], dict[str, Any]]) -> Page:
    """Return the page, which reads and changes what the services hold by their operations."""
    operations = Operations(
        {service.api: service for service in services if isinstance(service, Api)}, lambda: client(context, "logs")
    )
    return Page(operations, context.endpoint, f"Account {context.account}, region {context.region}", health)


class Cloud:
    """All parts of a running local cloud, from start to stop."""

    def __init__(self, settings: Settings, context: Context, application: Any) -> None:
        """Assemble the parts.

        Args:
            settings: this local cloud's settings.
            context: the context of the services.
            application: ministack's application module.
        """
        self._settings = settings
        self._ready = False
        self._failed: dict[str, str] = {}
        saver = Saver(lambda service: loader.save(application, service))
        log = RequestLog(settings.log_dir / "requests.jsonl")
        gate = gate_of(context, application)
        context.iam.decided = DecisionLog(settings.log_dir / "decisions.jsonl").write
        self._gateway = Gateway(application.app, log, saver.changed, self.health, gate)
        self._gateway.room = lambda: limits.no_room(settings.state_dir)
        self._services = services_of(context, self._gateway)
        self._gateway.controls["clock"] = context.clock.control
        for service in self._services:
            self._gateway.add(service)
        self._page = page_of(context, self._services, self.health)
        self._gateway.page = self._gateway.controls["page"] = self._page

    def health(self) -> dict[str, Any]:
        """Return the content of the health page."""
        return {
            "ready": self._ready,
            "pid": os.getpid(),
            "state": str(self._settings.state_dir),
            "own": [service.api for service in self._services],
            "failed": self._failed,
        }

    async def run(self, sockets: list[socket.socket]) -> None:
        """Serve on the sockets until SIGTERM or SIGINT."""
        config = uvicorn.Config(
            self._gateway,
            http=JoinedHttp,
            loop="asyncio",
            log_level="error",  # Docker tries TLS first, which uvicorn logs as a warning
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        server = uvicorn.Server(config)
        self._page.stopping = lambda: server.should_exit
        starting = asyncio.create_task(self._start(server))
        watching = asyncio.create_task(self._watch())
        await server.serve(sockets)
        starting.cancel()
        watching.cancel()
        for service in reversed(self._services):
            await service.stop()
        process.forget(self._settings)

    async def _watch(self) -> None:
        """Exit once the state folder is removed: whatever the process did from then on could not be cleaned up."""
        while (self._settings.state_dir / STORE).exists():  # noqa: ASYNC110  the file system has no event to await
            await asyncio.sleep(WATCH_SECONDS)
        logger.critical(
            "%s is gone: ended; its containers are left: run: %s up", self._settings.state_dir / STORE, COMMAND
        )
        os._exit(1)

    async def _start(self, server: uvicorn.Server) -> None:
        """Start our own services once the gateway is up, since they call it; a failure does not affect the others."""
        while not server.started:  # noqa: ASYNC110  uvicorn has a flag, no event
            await asyncio.sleep(0.01)
        for service in self._services:
            try:
                await service.start()
            except Exception as error:  # shown on the health page; the other services start
                logger.exception("%s did not start", service.api)
                self._failed[service.api] = f"{type(error).__name__}: {error}"
            self._gateway.started(service)
        self._ready = True
