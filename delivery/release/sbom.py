"""A bill of materials of an image: the Debian, Alpine and Python packages that lie in its file system.

Read from the package databases in the exported file system, so that nothing has to run in the image and no tool is
needed. Written as CycloneDX 1.5 JSON. What is neither a Debian, Alpine nor Python package is not in it: the document
says so itself.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
from datetime import UTC, datetime
from email.parser import HeaderParser
from typing import IO, TYPE_CHECKING, Any

from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterator

DEBIAN = re.compile(r"var/lib/dpkg/(status|status\.d/[^/]+)$")
ALPINE = re.compile(r"lib/apk/db/installed$")
PYTHON = re.compile(r"\.(dist-info/METADATA|egg-info/PKG-INFO)$")
LIMIT = 50_000_000


def of_image(image: str, name: str, version: str) -> dict[str, Any]:
    """Return the bill of materials of a local image.

    Args:
        image: the image's name or id in the Docker Engine.
        name: the service's name.
        version: the service's version.

    Raises:
        DeliveryError: the image cannot be exported.
    """
    made = subprocess.run(["docker", "create", image, "true"], capture_output=True, text=True, check=False)
    if made.returncode:
        raise DeliveryError(f"image {image} cannot be opened for its bill of materials: {made.stderr.strip()}")
    container = made.stdout.strip()
    try:
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export:
            found = sorted(set(_packages(export.stdout)), key=str) if export.stdout else []
    finally:
        subprocess.run(["docker", "rm", "--force", container], capture_output=True, check=False)
    if export.returncode:
        raise DeliveryError(f"image {image} could not be exported for its bill of materials")
    return document(found, name, version)


def document(packages: list[tuple[str, str, str]], name: str, version: str) -> dict[str, Any]:
    """Return the CycloneDX document of packages (kind, name, version)."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "component": {"type": "container", "name": name, "version": version},
            "properties": [{"name": "slipway:covers", "value": "Debian, Alpine and Python packages only"}],
        },
        "components": [
            {"type": "library", "name": each, "version": number, "purl": f"pkg:{kind}/{each}@{number}"}
            for kind, each, number in packages
        ],
    }


def _packages(stream: IO[bytes]) -> Iterator[tuple[str, str, str]]:
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            if not member.isfile() or member.size > LIMIT:
                continue
            parse = _parser(member.name)
            if parse and (file := archive.extractfile(member)):
                yield from parse(file.read().decode("utf-8", "replace"))


def _parser(path: str) -> Any:  # noqa: ANN401 - one of the functions below, or None
    if DEBIAN.search(path):
        return debian
    if ALPINE.search(path):
        return alpine
    return python if PYTHON.search(path) else None


def debian(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the installed packages of a dpkg status file."""
    for block in text.split("\n\n"):
        fields = HeaderParser().parsestr(block)
        if fields["Package"] and fields["Version"] and "deinstall" not in (fields["Status"] or ""):
            yield "deb/debian", fields["Package"], fields["Version"]


def alpine(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the packages of an apk database."""
    for block in text.split("\n\n"):
        fields = dict(line.split(":", 1) for line in block.splitlines() if ":" in line)
        if "P" in fields and "V" in fields:
            yield "apk/alpine", fields["P"], fields["V"]


def python(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the package that a Python METADATA file describes."""
    fields = HeaderParser().parsestr(text)
    if fields["Name"] and fields["Version"]:
        yield "pypi", re.sub(r"[-_.]+", "-", fields["Name"]).lower(), fields["Version"]
