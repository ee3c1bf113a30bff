"""The generated copy of a stack file for the local cloud; the committed file is never changed."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from tools.pulumi_local import stack_file

if TYPE_CHECKING:
    from pathlib import Path

KEYS_OF_A_BACKEND = ("encryptionsalt", "encryptedkey", "secretsprovider")
# Calls to AWS at the provider's start that an emulator cannot answer (provider's documentation).
PROVIDER: dict[str, Any] = {
    "aws:skipCredentialsValidation": True,
    "aws:skipRegionValidation": True,
    "aws:skipMetadataApiCheck": True,
    "aws:s3UsePathStyle": True,
}

LEAD_AWAY = (
    "aws:endpoints",
    "aws:profile",
    "aws:assumeRoles",
    "aws:accessKey",
    "aws:secretKey",
    "aws:token",
    "github:baseUrl",
    "github:appAuth",
)
LATER = "set by pulumi-local"
USES_GITHUB = "slipway:pipeline"
GITHUB_TOKEN = "github:token"  # noqa: S105 - a key
WEBHOOK_SECRET = "slipway:webhook_secret"  # noqa: S105 - a key


class OverlayError(Exception):
    """Raised when a stack file cannot be used locally: one line with file, key and remedy."""


def write(source: Path, target: Path, *, endpoint: str, image_arguments: dict[str, str]) -> dict[str, str]:
    """Write the local copy of a stack file; the result is deterministic.

    A `secure:` value cannot be decrypted here without its key: a local value replaces it, encrypted with the local
    passphrase, so that the program reads a secret wherever it reads one on AWS.

    Args:
        source: the committed `Pulumi.<stack>.yaml`.
        target: the path of the copy; the encryption salt of an existing copy and the values encrypted with it are
            kept.
        endpoint: the URL of the local cloud, which also serves the local GitHub.
        image_arguments: build arguments that name base images (`PYTHON_IMAGE`), passed to every service
            whose Dockerfile declares them and that does not set them itself.

    Returns:
        The secrets that the copy lacks, for `pulumi config set-all --secret --path`: path to value.

    Raises:
        OverlayError: the file is missing or not YAML, or a provider setting would connect to another machine.
    """
    document = _load(source)
    before = _load(target) if target.exists() else {}
    config = document.get("config") or {}
    for key in LEAD_AWAY:
        if key in config:
            raise OverlayError(f"{source.name}: {key} is set; the local cloud cannot honour it; use another stack file")
    if USES_GITHUB in config:
        config |= {"github:baseUrl": f"{endpoint}/", GITHUB_TOKEN: {"secure": "local"}}
        if isinstance(config[USES_GITHUB], dict) and config[USES_GITHUB].get("trigger") == "webhook":
            config.setdefault(WEBHOOK_SECRET, {"secure": "local"})
    secrets: dict[str, str] = {}
    known = before.get("config") or {} if "encryptionsalt" in before else {}
    config = {key: _localise(key, value, known.get(key), secrets) for key, value in config.items()} | PROVIDER
    _add_image_arguments(config, image_arguments, source.parent)
    result: dict[str, Any] = {key: value for key, value in document.items() if key not in KEYS_OF_A_BACKEND}
    result["config"] = config
    if "encryptionsalt" in before:
        result["encryptionsalt"] = before["encryptionsalt"]
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_text("# Generated from " + source.name + ": edit that file.\n" + stack_file.text(result), "utf-8")
    partial.replace(target)
    return secrets


def _load(path: Path) -> dict[str, Any]:
    try:
        return stack_file.read(path)
    except FileNotFoundError as missing:
        raise OverlayError(f"{path.name} does not exist in {path.parent}; name a stack that has a file") from missing
    except stack_file.StackFileError as bad:
        raise OverlayError(str(bad)) from bad


def _localise(path: str, value: Any, before: Any, secrets: dict[str, str]) -> Any:  # noqa: ANN401 - YAML
    """Return a value with foreign ciphertext replaced by an earlier local one, or else add its path to `secrets`."""
    if _is_secret(value):
        if _is_secret(before):
            return before
        secrets[path] = "local-" + hashlib.sha256(path.encode()).hexdigest()[:20]
        return LATER
    if isinstance(value, dict):
        held = before if isinstance(before, dict) else {}
        return {
            name: _localise(f"{path}[{json.dumps(str(name))}]", part, held.get(name), secrets)
            for name, part in value.items()
        }
    if isinstance(value, list):
        same = isinstance(before, list) and len(before) == len(value)
        return [
            _localise(f"{path}[{index}]", part, before[index] if same else None, secrets)
            for index, part in enumerate(value)
        ]
    return value


def _is_secret(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"secure"}


def _add_image_arguments(config: dict[str, Any], arguments: dict[str, str], root: Path) -> None:
    """Set the base images that each service's Dockerfile declares with ARG as build arguments."""
    # Invalid values are left alone: the program's configuration check reports them.
    environment = config.get("slipway:environment")
    services = environment.get("services") if isinstance(environment, dict) else None
    for service in services.values() if isinstance(services, dict) else ():
        if not isinstance(service, dict) or not isinstance(service.get("build_args") or {}, dict):
            continue
        if text := _dockerfile(service, root):
            asked = {name: image for name, image in arguments.items() if re.search(rf"(?m)^ARG {name}\b", text)}
            if asked:
                service["build_args"] = asked | (service.get("build_args") or {})


def _dockerfile(service: dict[str, Any], root: Path) -> str:
    path = root / str(service.get("context")) / str(service.get("dockerfile") or "Dockerfile")
    return path.read_text("utf-8", "replace") if path.is_file() else ""
