"""A database's container and volume: blocking Docker calls, to be run in threads."""

from __future__ import annotations

import contextlib
import io
import tarfile
from typing import TYPE_CHECKING, Any

from docker.errors import NotFound
from docker.types import Mount

from localcloud.docker_engine.network import fixed_address
from localcloud.settings import NAME

if TYPE_CHECKING:
    from docker.models.containers import Container

    from localcloud.context import Context

DATA = "/var/lib/postgresql/data"
PASSWORD_FILE = f"run/{NAME}-password"
USED = "the volume holds a database"
"""Replaces the password in its file afterwards: the image's entrypoint requires the file at every start."""
SERVER_FILE = f"run/{NAME}-server.pem"
"""Private key and certificate of the server, as root put them there; PostgreSQL wants a key of its own user."""
OWN_SERVER_FILE = f"/run/{NAME}-server-own.pem"
ACCESS_FILE = f"run/{NAME}-pg_hba.conf"
ACCESS = "local all all trust\nhostssl all all all scram-sha-256\n"
"""Who may connect: nobody without TLS, as with RDS's parameter rds.force_ssl, whose default is 1 from PostgreSQL 15 on
(RDS user guide, "Requiring an SSL connection to a PostgreSQL DB instance")."""
STOP_SECONDS = 20
Doc = dict[str, Any]


def name_of(ctx: Context, identifier: str) -> str:
    """Return the name of an instance's container and of its volume."""
    return f"{ctx.network}-db-{identifier}"


def make_volume(ctx: Context, name: str, labels: dict[str, str]) -> None:
    """Create a named volume, unless it exists."""
    ctx.docker.volumes.create(name, labels=labels)


def run(ctx: Context, instance: Doc, labels: dict[str, str], password: str | None) -> None:
    """Create the instance's container if it does not exist, and start it.

    Args:
        ctx: the local cloud's context.
        instance: the instance's document.
        labels: the labels of container and volume.
        password: the master user's password at the first start; later it is in the volume.
    """
    name = name_of(ctx, instance["DBInstanceIdentifier"])
    try:
        container = ctx.docker.containers.get(name)
    except NotFound:
        make_volume(ctx, name, labels)
        container = create(ctx, instance, name, labels)
        put_file(container, PASSWORD_FILE, password or USED)
        put_file(container, ACCESS_FILE, ACCESS, 0o444)
        address = instance["Endpoint"]["Address"]
        put_file(container, SERVER_FILE, ctx.certificates.authority.server(f"rds-{address}", [address]))
    if container.status != "running":
        container.start()


def create(ctx: Context, instance: Doc, name: str, labels: dict[str, str]) -> Container:
    """Create the container, at the instance's fixed address."""
    endpoint = ctx.docker.api.create_endpoint_config(ipv4_address=fixed_address(ctx, name))
    user = instance["MasterUsername"]
    return ctx.docker.containers.create(
        ctx.images["POSTGRES_IMAGE"],
        ["sh", "-c", command(instance["Endpoint"]["Port"])],
        name=name,
        hostname=instance["DBInstanceIdentifier"],
        environment={
            "POSTGRES_USER": user,
            "POSTGRES_DB": instance.get("DBName") or "postgres",
            "POSTGRES_PASSWORD_FILE": f"/{PASSWORD_FILE}",
            "PGDATA": f"{DATA}/pgdata",
        },
        mounts=[Mount(DATA, name, type="volume")],
        network=ctx.network,
        networking_config={ctx.network: endpoint},
        labels=labels,
        shm_size="128m",
    )


def command(port: int) -> str:
    """Return the command by which a container becomes the server, through the entrypoint of its image."""
    options = {
        "ssl": "on",
        "ssl_cert_file": OWN_SERVER_FILE,
        "ssl_key_file": OWN_SERVER_FILE,
        "hba_file": f"/{ACCESS_FILE}",
    }
    words = " ".join(f"-c {name}={value}" for name, value in options.items())
    own = f"install -o postgres -m 600 /{SERVER_FILE} {OWN_SERVER_FILE}"
    return f"{own} && exec docker-entrypoint.sh postgres -p {port} {words}"


def put_file(container: Container, path: str, text: str, mode: int = 0o400) -> None:
    """Write a file of root's into a container: `docker inspect` does not show what it holds."""
    content = text.encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo(path)
        entry.size, entry.mode = len(content), mode
        tar.addfile(entry, io.BytesIO(content))
    container.put_archive("/", archive.getvalue())


def is_ready(ctx: Context, instance: Doc) -> bool:
    """Tell whether the server accepts connections over the network."""
    container = ctx.docker.containers.get(name_of(ctx, instance["DBInstanceIdentifier"]))
    # The server that the image's entrypoint runs while it prepares the volume listens on its socket only.
    command = ["pg_isready", "-q", "-h", "127.0.0.1", "-p", str(instance["Endpoint"]["Port"])]
    return bool(container.exec_run(command).exit_code == 0)


def finish(ctx: Context, instance: Doc) -> str:
    """Remove the password file's content once the server is ready; return its version, e.g. "15.14"."""
    container = ctx.docker.containers.get(name_of(ctx, instance["DBInstanceIdentifier"]))
    put_file(container, PASSWORD_FILE, USED)
    words = container.exec_run(["postgres", "--version"]).output.decode().split()
    return str(words[2]) if len(words) > 2 else "15"  # noqa: PLR2004  "postgres (PostgreSQL) 15.14 ..."


def set_password(ctx: Context, instance: Doc, password: str) -> None:
    """Change the master user's password.

    Raises:
        RuntimeError: the server returns an error.
    """
    container = ctx.docker.containers.get(name_of(ctx, instance["DBInstanceIdentifier"]))
    script = (
        'psql -v ON_ERROR_STOP=1 -q -p "$PORT" -U "$NAME" -d postgres <<END\nALTER ROLE "$NAME" PASSWORD $SECRET;\nEND'
    )
    quoted = "'" + password.replace("'", "''") + "'"
    environment = {
        "NAME": instance["MasterUsername"],
        "SECRET": quoted,
        "PORT": str(instance["Endpoint"]["Port"]),
    }
    done = container.exec_run(["sh", "-c", script], environment=environment)
    if done.exit_code != 0:
        raise RuntimeError(f"the password of {instance['DBInstanceIdentifier']} was not changed")


def is_running(ctx: Context, identifier: str) -> bool:
    """Tell whether the instance's container runs."""
    try:
        return bool(ctx.docker.containers.get(name_of(ctx, identifier)).status == "running")
    except NotFound:
        return False


def stop(ctx: Context, identifier: str) -> None:
    """Stop the container; container and volume are kept."""
    with contextlib.suppress(NotFound):
        ctx.docker.containers.get(name_of(ctx, identifier)).stop(timeout=STOP_SECONDS)


def pause(ctx: Context, identifier: str) -> None:
    """Let the processes of the container stand still."""
    ctx.docker.containers.get(name_of(ctx, identifier)).pause()


def unpause(ctx: Context, identifier: str) -> None:
    """Let the processes of the container go on."""
    ctx.docker.containers.get(name_of(ctx, identifier)).unpause()


def remove(ctx: Context, name: str) -> None:
    """Remove a container and the volume of the same name."""
    with contextlib.suppress(NotFound):
        ctx.docker.containers.get(name).remove(force=True, v=True)
    remove_volume(ctx, name)


def remove_volume(ctx: Context, name: str) -> None:
    """Remove a volume; a missing one is no error."""
    with contextlib.suppress(NotFound):
        ctx.docker.volumes.get(name).remove(force=True)


def copy_volume(ctx: Context, source: str, target: str, labels: dict[str, str]) -> None:
    """Create a volume with the content of another one."""
    make_volume(ctx, target, labels)
    mounts = [Mount("/from", source, type="volume", read_only=True), Mount("/to", target, type="volume")]
    ctx.docker.containers.run(
        ctx.images["POSTGRES_IMAGE"], ["cp", "-a", "/from/.", "/to/"], entrypoint=[], mounts=mounts, remove=True,
        labels=labels, network_mode="none",
    )  # fmt: skip
