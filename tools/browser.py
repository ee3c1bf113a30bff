"""A browser in a container on this machine's network: the image of the example application's acceptance tests."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tools.local_settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TAG = "guestbook:browser"
RUN_SECONDS, BUILD_SECONDS = 180, 900


def image(base_images: Mapping[str, str]) -> str:
    """Build the image (cached), and return its name; `base_images` has PYTHON_IMAGE."""
    python = f"PYTHON_IMAGE={base_images['PYTHON_IMAGE']}"
    command = ["docker", "build", "--quiet", "--force-rm", "--target", "acceptance", "--build-arg", python]
    subprocess.run([*command, "--tag", TAG, str(ROOT / "app")], check=True, capture_output=True, timeout=BUILD_SECONDS)
    return TAG


def run(name: str, script: Path, *arguments: str, output: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a Python script that drives the browser by playwright, on the host's network, and return its result.

    Args:
        name: the image.
        script: the script.
        arguments: its arguments.
        output: a folder that is mounted at /output, for what it writes.
    """
    command = ["docker", "run", "--rm", "--init", "--network", "host", "--shm-size", "256m"]
    command += ["--volume", f"{script}:/script.py:ro", *(["--volume", f"{output}:/output"] if output else [])]
    return subprocess.run(
        [*command, "--entrypoint", "python", name, "/script.py", *arguments],
        capture_output=True, text=True, check=False, timeout=RUN_SECONDS,
    )  # fmt: skip
