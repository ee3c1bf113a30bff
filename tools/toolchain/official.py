"""The second way to a toolchain: the official download, where it can be reached."""

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
    """Ask whether a download is there; looking its name up, which has a time-out of its own, counts too.

    Raises:
        UnavailableError: it is not, or there is no answer in time.
    """
    _checked(url, reach.status(url, seconds))


def archive_name(version: str) -> str:
    """Return the file name of the CLI for this machine.

    Raises:
        UnavailableError: there is none for it.
    """
    machine, system = ARCHITECTURES.get(platform.machine().lower()), platform.system().lower()
    if not machine or system not in ("linux", "darwin"):
        raise UnavailableError(f"there is no official Pulumi CLI for {platform.system()} {platform.machine()}")
    return f"pulumi-v{version}-{system}-{machine}.tar.gz"


def _checksum(name: str, downloads: str, releases: str) -> str:
    """Return the SHA-256 that Pulumi publishes for an archive."""
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
    """Download the CLI with its language hosts into the folder `target`, verified by its checksum.

    Raises:
        UnavailableError: it cannot be reached, or has no checksum.
        ToolchainError: what came is not what was published.
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
        # Python has filters since 3.11.4, Debian's is 3.11.2; what is unpacked is what Pulumi published, by its hash.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(target)  # noqa: S202 - by the filter above
    packed.unlink()
    for program in list((target / "pulumi").iterdir()):
        program.rename(target / f".{program.name}")
    (target / "pulumi").rmdir()
    for program in list(target.iterdir()):
        program.rename(target / program.name.removeprefix("."))


def fetch_plugins(pulumi: Path, home: Path) -> None:
    """Let the CLI download the pinned plugins into `home`.

    Raises:
        UnavailableError: one of them could not be had.
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
    """Download CLI and plugins into the cache; return them.

    Raises:
        UnavailableError: the download cannot be reached.
        ToolchainError: it is damaged.
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
