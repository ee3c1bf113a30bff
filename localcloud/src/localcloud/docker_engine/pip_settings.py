"""The host's pip settings for use in containers, without credentials."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from urllib.parse import urlsplit

HANDED_ON = ("index-url", "extra-index-url", "trusted-host", "timeout", "retries")
"""Settings that are valid inside a container (unlike paths such as cert or find-links)."""


def pip_conf() -> str:
    """Return a pip.conf for the stand-in images: the host's index settings, except those with a password."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False, timeout=60
    )
    settings = dict(parse(line) for line in listed.stdout.splitlines() if "=" in line)
    for name in HANDED_ON:
        value = os.environ.get(f"PIP_{name.upper().replace('-', '_')}")
        if value:
            settings[name] = value
    return render({name: settings[name] for name in HANDED_ON if name in settings and not has_password(settings[name])})


def parse(line: str) -> tuple[str, str]:
    """Parse a line of `pip config list`, e.g. global.timeout='60', into name and value."""
    name, _, value = line.partition("=")
    return name.rpartition(".")[2], value.strip("'\"")


def has_password(value: str) -> bool:
    """Tell whether a URL in a setting contains credentials, which must not end up in images."""
    return any(urlsplit(word).password or urlsplit(word).username for word in value.split())


def render(settings: dict[str, str]) -> str:
    """Return the settings in the format of pip.conf."""
    lines = ["[global]", "disable-pip-version-check = true", *(f"{name} = {value}" for name, value in settings.items())]
    text = "\n".join(lines) + "\n"
    configparser.RawConfigParser().read_string(text)
    return text
