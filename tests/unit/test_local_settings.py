"""The local cloud's settings in this repository: stable names, and the SLIPWAY_* variables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NAMES = """
import json
import tools
from localcloud import settings
from localcloud.docker_engine import base_images, images, qemu, service_containers
from localcloud.github import service
from localcloud.services.codebuild.build_context import container_name
from localcloud.services.ecs import containers, task_containers
from localcloud.services.elbv2 import proxies, rendering
from localcloud.services.rds import database
own = settings.load()
arn = "arn:aws:elasticloadbalancing:::loadbalancer/app/lb/0123456789"
balancer = {"LoadBalancerName": "lb", "LoadBalancerArn": arn}
print(json.dumps({
    "labels": [settings.LABEL, settings.NETWORK_LABEL, service_containers.KIND, settings.label("task")],
    "recipe": images.RECIPE_LABEL,
    "images": [base_images.STAND_INS.python, images.BASE, proxies.IMAGE, task_containers.PAUSE_IMAGE, *images.OURS],
    "containers": [container_name({"id": "p:1"}), proxies.name_of(balancer)],
    "inside": [rendering.ADMIN, database.PASSWORD_FILE, qemu.OWN.name, service.ACTOR],
    "settings": [own.network, str(own.state_dir), own.port, str(own.cache_dir), settings.COMMAND],
}))
"""


def names(**variables: str) -> dict[str, Any]:
    """Return the names that this repository's tools use in an environment with these variables."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LOCALCLOUD_", "SLIPWAY_", "XDG_"))}
    own = {"PYTHONPATH": str(ROOT), "HOME": "/home/x"}
    done = subprocess.run(
        [sys.executable, "-c", NAMES], env=kept | own | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_every_physical_name_is_what_it_has_always_been() -> None:
    """An existing local cloud finds its containers, images and volumes by these names."""
    assert names() == {
        "labels": ["slipway.localcloud", "slipway.network", "slipway.kind", "slipway.task"],
        "recipe": "slipway.recipe",
        "images": [
            "slipway.local/python:3.11", "slipway.local/debian:bookworm", "slipway.local/haproxy:2.6",
            "slipway.local/haproxy:2.6", "slipway.local/", "slipway-acceptance/",
        ],
        "containers": ["slipway-build-1", "slipway-lb-lb-4acb14"],
        "inside": ["/run/slipway/admin.sock", "run/slipway-password", "slipway-arm64", "slipway-local"],
        "settings": ["slipway", str(ROOT / ".localcloud"), 4566, "/home/x/.cache/slipway", "bin/localcloud"],
    }  # fmt: skip


def test_slipways_variables_are_honoured_and_the_local_clouds_own_win() -> None:
    """Developers, CI and the development container set them."""
    slipways = {"PORT": "4711", "STATE": "/tmp/state", "NETWORK": "mine", "CACHE": "/tmp/cache"}  # noqa: S108 - not created
    found = names(**{f"SLIPWAY_{name}": value for name, value in slipways.items()}, LOCALCLOUD_PORT="4712")
    assert found["settings"] == ["mine", "/tmp/state", 4712, "/tmp/cache", "bin/localcloud"]  # noqa: S108 - not created


def test_another_name_gives_every_name_another_beginning() -> None:
    """Two instances on one machine share no resources."""
    found = names(LOCALCLOUD_NAME="other", LOCALCLOUD_STATE="/s")
    assert "slipway" not in json.dumps(found | {"settings": found["settings"][:4]})
