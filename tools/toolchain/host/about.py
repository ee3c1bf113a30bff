"""Prints this interpreter and its installed packages as JSON."""

from __future__ import annotations

import json
import re
import sys
from importlib import metadata
from pathlib import Path


def _name(text: str) -> str:
    return re.sub("[-_.]+", "-", text).lower()


def main() -> int:
    """Print the executable, its version, the packages (and which of them no other one requires), and the plugins."""
    packages = {_name(package.name): package for package in metadata.distributions()}
    required = [text for package in packages.values() for text in package.requires or () if "extra ==" not in text]
    needed = {_name(found[0]) for text in required if (found := re.match(r"[\w.-]+", text))}
    files = [file for folder in sys.path for file in sorted(Path(folder).glob("*/pulumi-plugin.json"))]
    plugins = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    about = {
        "executable": sys.executable,
        "version": sys.version.split()[0],
        "direct": sorted(set(packages) - needed),
        "packages": {name: package.version for name, package in packages.items()},
        "plugins": [plugin for plugin in plugins if plugin.get("resource")],
    }
    print(json.dumps(about))
    return 0
