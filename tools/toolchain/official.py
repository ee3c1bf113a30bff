"""The second source of a toolchain: Pulumi's official download, if reachable."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import tarfile
from http import HTTPStatus
from typing import TYPE_CHECKING

from tools.toolchain import installed, reach
from tools.toolchain.errors import ToolchainError, UnavailableError
from tools.toolchain.layout import Toolchain
from tools.toolchain.pins import key, pins

if TYPE_CHECKING:
    from pathlib import Path

    from tools.toolchain.store import Store

DOWNLOADS = "https://get.pulumi.com/releases/sdk"
RELEASES = "https://github.com/pulumi/pulumi/releases/download"
PLUGIN_SECONDS = 300
ARCHITECTURES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def _checked(url: str, code: int) -> None:
    if code == HTTPStatus.NOT_FOUND:
        raise UnavailableError(f"{url} does not exist")
    if code != HTTPStatus.OK:
        raise UnavailableError(f"{url} answers {code}")


def _open(url: str, *, seconds: float) -> bytes:
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise UnavailableError(f"{url} is neither https nor on this machine")
    code, content = reach.open_url(url, seconds=seconds)
    _checked(url, code)
    return content


def probe(url: str, seconds: float = reach.SECONDS) -> None:
    """Check that a download exists. The timeout includes the DNS look-up, which has a longer one of its own.

    Raises:
        UnavailableError: it does not exist, or there is no response in time.
    """
    _checked(url, reach.status(url, seconds))


def archive_name(version: str) -> str:
    """Return the name of the CLI's archive for this platform.

    Raises:
        UnavailableError: Pulumi publishes none.
    """
    machine, system = ARCHITECTURES.get(platform.machine().lower()), platform.system().lower()
    if not machine or system not in ("linux", "darwin"):
        raise UnavailableError(f"there is no official Pulumi CLI for {platform.system()} {platform.machine()}")
    return f"pulumi-v{version}-{system}-{machine}.tar.gz"


def _checksum(name: str, downloads: str, releases: str) -> str:
    """Return Pulumi's published SHA-256 checksum of an archive."""
    version = pins().cli
    for url in (f"{downloads}/pulumi-{version}-checksums.txt", f"{releases}/v{version}/pulumi-{version}-checksums.txt"):
        try:
            lines = _open(url, seconds=reach.SECONDS).decode(errors="replace").splitlines()
        except UnavailableError:
            continue
        for line in lines:
            if line.split()[1:] == [name]:
                return line.split()[0].lower()
    raise UnavailableError(f"no published checksum of {name} can be read")


def fetch_cli(target: Path, downloads: str = DOWNLOADS, releases: str = RELEASES) -> None:
    """Download the CLI with its language hosts into the folder `target` and verify its checksum.

    Raises:
        UnavailableError: it is not reachable, or has no published checksum.
        ToolchainError: the checksum does not match.
    """
    name = archive_name(pins().cli)
    probe(f"{downloads}/{name}")
    wanted = _checksum(name, downloads, releases)
    print(f"toolchain: downloading {name}", flush=True)
    content = _open(f"{downloads}/{name}", seconds=60)
    if (got := hashlib.sha256(content).hexdigest()) != wanted:
        raise ToolchainError(f"{name}: SHA-256 is {got}, published is {wanted}: nothing was installed; try again")
    target.mkdir(parents=True)
    packed = target / name
    packed.write_bytes(content)
    with tarfile.open(packed) as archive:
        # Python has filters since 3.11.4, Debian's version is 3.11.2; the archive's checksum has been verified.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(target)  # noqa: S202 - filtered, see above
    packed.unlink()
    for program in list((target / "pulumi").iterdir()):
        program.rename(target / f".{program.name}")
    (target / "pulumi").rmdir()
    for program in list(target.iterdir()):
        program.rename(target / program.name.removeprefix("."))


def fetch_plugins(pulumi: Path, home: Path) -> None:
    """Download the pinned plugins into `home` by the CLI.

    Raises:
        UnavailableError: a plugin cannot be downloaded.
    """
    environment = os.environ | {"PULUMI_HOME": str(home), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    for name, version in pins().plugins.items():
        print(f"toolchain: downloading the plugin {name} {version}", flush=True)
        command = [str(pulumi), "plugin", "install", "resource", name, version]
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=PLUGIN_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise UnavailableError(f"plugin {name} {version}: no end of the download in {PLUGIN_SECONDS} s") from None
        if done.returncode:
            raise UnavailableError(f"plugin {name} {version}: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


def fetch(store: Store) -> Toolchain:
    """Download the CLI and plugins into the cache and return the toolchain.

    Raises:
        UnavailableError: the download is not reachable.
        ToolchainError: the download is damaged.
    """
    name = f"{key()}-official"
    if not (folder := store.folder(name)).exists():
        try:
            program = installed.program()[0]
        except UnavailableError:
            program = None
        probe(f"{DOWNLOADS}/{archive_name(pins().cli)}")
        with store.fresh(name) as fresh:
            if program is None:
                fetch_cli(fresh / "bin")
                program = fresh / "bin" / "pulumi"
            else:
                (fresh / "bin").symlink_to(program.parent)
            fetch_plugins(program, fresh)
    return Toolchain(
        origin="official", key=key(), programs=str((folder / "bin").resolve()), plugins=str(folder / "plugins")
    )
