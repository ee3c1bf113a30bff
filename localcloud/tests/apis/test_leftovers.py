"""Containers that a build leaves on the shared Docker Engine: listed by `sweep`, removed by `reset`."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import docker

from localcloud.commands import reset, sweep
from localcloud.docker_engine import build_leftovers
from localcloud.settings import NAME, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from support.cloud import Cloud


def start(image: str, folder: Path) -> str:
    """Start a container with Compose's labels for a build's work folder; returns its name."""
    name = f"{NAME}-leftover-{folder.parent.parent.name}"
    label = f"--label={build_leftovers.FOLDER}={folder}"
    subprocess.run(["docker", "run", "-d", "--name", name, label, image, "sleep", "600"], check=True)
    return name


def test_a_reset_takes_away_what_a_build_has_started_and_nothing_of_another_local_cloud(
    cloud: Cloud, tmp_path: Path
) -> None:
    """For a reset during a build: on AWS they end with the build's machine."""
    image = cloud.image("good")
    ours, theirs = (
        Settings(state_dir=tmp_path / name, port=1, network=f"{NAME}-none-{name}", cache_dir=tmp_path)
        for name in ("ours", "theirs")
    )
    client = docker.from_env()
    names = [start(image, each.state_dir / build_leftovers.BUILDS / "1") for each in (ours, theirs)]
    try:
        assert [line for line in sweep.in_docker(client, ours) if names[0] in line]
        assert not [line for line in sweep.in_docker(client, ours) if names[1] in line]
        reset.reset_docker(client, ours, lambda _: None)
        left = [each.name for each in client.containers.list(all=True)]
        assert (names[0] in left, names[1] in left) == (False, True)
        assert sweep.in_docker(client, ours) == []
    finally:
        subprocess.run(["docker", "rm", "--force", *names], check=False, capture_output=True)
