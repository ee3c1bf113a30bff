"""Docker may end a followed log before the container's last lines (see moby/moby#16463)."""

from __future__ import annotations

import asyncio
import time
import uuid
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import docker
import pytest

from localcloud.docker_engine.service_containers import ServiceContainers
from localcloud.services.codebuild import buildspec, container_output, script
from localcloud.services.codebuild.build_context import container_name
from localcloud.services.codebuild.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cloud import Cloud

LONG = f"{'x':>40000}"
SPEC = buildspec.parse("version: 0.2\nphases: {build: {commands: [echo one, printf '%40000s\\n' x, echo two]}}")
CUTS = {
    "before all": 0,
    "before the long line": 8,
    "within it": 9,
    "before the last but one": 13,
    "before the last": 16,
}


class Cut:
    """A wrapper of Docker's API, whose first response to a followed log ends after some lines."""

    def __init__(self, api: Any, lines: int) -> None:
        """Take the API and the number of lines."""
        self._api, self._lines, self.readings = api, lines, 0

    def __getattr__(self, name: str) -> Any:
        """Delegate everything except logs."""
        return getattr(self._api, name)

    def logs(self, *arguments: object, **options: object) -> Iterator[bytes]:
        """Return the log's lines once the container has ended."""
        self.readings += 1
        lines = list(self._api.logs(*arguments, **options))
        yield from lines[: self._lines] if self.readings == 1 else lines


@pytest.mark.parametrize("lines", CUTS.values(), ids=CUTS)
def test_a_build_succeeds_whose_last_lines_docker_did_not_give_at_once(
    cloud: Cloud, tmp_path: Path, lines: int
) -> None:
    """The log is read again after the container's end, without duplicates."""
    daemon = docker.from_env()
    image = cloud.variables["PYTHON_IMAGE"]
    for name, text in script.files(SPEC, str(tmp_path), "word").items():
        (tmp_path / name).write_text(text, "utf-8")
    build: dict[str, Any] = {"id": f"log-end:{uuid.uuid4()}", "phases": [{"phaseStatus": "SUCCEEDED"}]}
    shipped: list[Any] = []
    clock, network = SimpleNamespace(now=time.time), cloud.environment["LOCALCLOUD_NETWORK"]
    context: Any = SimpleNamespace(docker=daemon, network=network, clock=clock)
    engine = ServiceContainers(context, "build")
    reader = Transcript(build, "word", script.shown(SPEC), [])
    life: Any = SimpleNamespace(
        build=build,
        halted="",
        save=lambda: None,
        shipment=SimpleNamespace(add=shipped.extend),
        parts=SimpleNamespace(engine=engine, state=SimpleNamespace(ctx=context)),
    )
    api = Cut(daemon.api, lines)
    engine.client = cast("Any", SimpleNamespace(api=api))
    container = daemon.containers.run(
        image,
        [str(tmp_path / "run.sh")],
        entrypoint=["sh"],
        name=container_name(build),
        volumes=[f"{tmp_path}:{tmp_path}"],
        network_mode="none",
        labels=engine.labels(),
        detach=True,
    )
    try:
        asyncio.run(container_output.followed(life, reader))
    finally:
        container.remove(force=True)
    assert reader.done
    assert not reader.failed
    assert api.readings == 2
    said = [text for _, text in shipped]
    assert (said.count("one"), said.count(LONG), said.count("two")) == (1, 1, 1)
    assert [row.get("phaseType") for row in build["phases"]][1:] == ["INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD"]
