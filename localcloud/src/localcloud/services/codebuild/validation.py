"""Validation of CreateProject, UpdateProject and StartBuild: AWS's rules first, then what cannot run here. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localcloud.docker_engine.qemu import ARCHITECTURE as ARM
from localcloud.docker_engine.qemu import COMMAND
from localcloud.gateway.protocol import ApiError

if TYPE_CHECKING:
    from collections.abc import Collection

    from localcloud.state.table import Doc

CONTAINER_SIZES = tuple(f"BUILD_GENERAL1_{size}" for size in ("SMALL", "MEDIUM", "LARGE", "XLARGE", "2XLARGE"))
LAMBDA_SIZES = tuple(f"BUILD_LAMBDA_{size}GB" for size in (1, 2, 4, 8, 10))
SIZES = {
    "LINUX_CONTAINER": CONTAINER_SIZES,
    "ARM_CONTAINER": CONTAINER_SIZES,
    "LINUX_LAMBDA_CONTAINER": LAMBDA_SIZES,
    "ARM_LAMBDA_CONTAINER": LAMBDA_SIZES,
}
NOT_ON_LAMBDA = ("timeoutInMinutes", "queuedTimeoutInMinutes")
"""What a request may not give: a build on Lambda compute ends after 15 minutes, and is not queued."""
FLEET = re.compile(r"^arn:[a-z-]+:codebuild:[a-z0-9-]+:\d{12}:fleet/[\w.-]+:[0-9a-f-]+$")
SOURCES = ("CODEPIPELINE", "GITHUB", "S3", "NO_SOURCE")
REPOSITORY = re.compile(r"^https://github\.com/([A-Za-z0-9-]+/[A-Za-z0-9._-]+?)(?:\.git)?/?$")
OBJECT = re.compile(r"^(?:arn:aws:s3:::)?([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+)$")
CURATED = re.compile(
    r"^aws/codebuild/(amazonlinux2?-(x86_64|aarch64)-(standard|lambda-standard)|standard):[A-Za-z0-9._-]+$"
)
ROLE = re.compile(r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")
MODES = {"LOCAL_DOCKER_LAYER_CACHE", "LOCAL_SOURCE_CACHE", "LOCAL_CUSTOM_CACHE"}
VARIABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
REPORT_GROUP = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{1,127}$")


def invalid(message: str) -> ApiError:
    """Return AWS's error for an invalid parameter."""
    return ApiError("InvalidInputException", message)


def unsupported(what: str) -> ApiError:
    """Return the error for a feature that AWS supports and the local cloud does not."""
    return invalid(f"{what} is not supported by the local cloud; it would have to pretend")


def project(doc: Doc, given: Collection[str]) -> None:
    """Validate a whole project.

    Args:
        doc: the project, or the settings of a build.
        given: members that the request has; the others have been there before, or are AWS's defaults.

    Raises:
        ApiError: the project is invalid; the message states the rule.
    """
    for name in ("buildBatchConfig", "fileSystemLocations", "autoRetryLimit"):
        if doc.get(name):
            raise unsupported(name)
    if not ROLE.match(doc["serviceRole"]):
        raise invalid(f"Invalid service role: {doc['serviceRole']} is not the ARN of a role")
    timeouts(doc)
    environment(doc["environment"], doc, given)
    source(doc["source"])
    identified(doc.get("secondarySources", []), "sourceIdentifier", "secondarySources")
    for each in doc.get("secondarySources", []):
        source(each)
    artifacts(doc)
    cache(doc.get("cache") or {})
    logs(doc.get("logsConfig") or {})


def timeouts(doc: Doc) -> None:
    """Refuse timeouts outside AWS's bounds, in minutes."""
    for name, least, most in (("timeoutInMinutes", 5, 2160), ("queuedTimeoutInMinutes", 5, 480)):
        if not least <= doc.get(name, least) <= most:
            raise invalid(f"Invalid {name}: {doc[name]}; it must be between {least} and {most} minutes")
    limit = doc.get("concurrentBuildLimit")
    if limit is not None and limit < 1:
        raise invalid(f"Invalid concurrentBuildLimit: {limit}; it must be at least 1")


def environment(env: Doc, doc: Doc, given: Collection[str]) -> None:
    """Refuse environments that AWS rejects or that cannot run here."""
    kind, size = env["type"], env["computeType"]
    if kind not in SIZES:
        raise unsupported(f"environment type {kind}")
    if size not in SIZES[kind]:
        raise invalid(f"Invalid compute type {size} for environment type {kind}; it takes {', '.join(SIZES[kind])}")
    if (env.get("fleet") or {}).get("fleetArn") and not FLEET.match(env["fleet"]["fleetArn"]):
        raise invalid(f"Invalid fleet ARN: {env['fleet']['fleetArn']}")
    for name in ("dockerServer", "registryCredential", "certificate", "computeConfiguration"):
        if env.get(name):
            raise unsupported(f"environment.{name}")
    image(env["image"], kind)
    if CURATED.match(env["image"]) and env.get("imagePullCredentialsType") == "SERVICE_ROLE":
        raise invalid(f"imagePullCredentialsType must be CODEBUILD with the curated image {env['image']}")
    variables(env.get("environmentVariables", []))
    if "LAMBDA" in kind:
        on_lambda(env, doc, given)


def image(name: str, kind: str) -> None:
    """Refuse a curated image that does not exist or does not fit the environment type."""
    if not name.startswith("aws/codebuild/"):
        return
    found = CURATED.match(name)
    if found is None:
        raise invalid(f"Invalid environment image: {name} is not one of AWS's curated images")
    arm, is_lambda = found[2] == "aarch64", found[3] == "lambda-standard"
    if arm != kind.startswith("ARM") or is_lambda != ("LAMBDA" in kind):
        raise invalid(f"The image {name} does not fit the environment type {kind}")


def variables(rows: list[dict[str, Any]]) -> None:
    """Refuse invalid and duplicate names."""
    names = [row["name"] for row in rows]
    for name in names:
        if not VARIABLE.match(name):
            raise invalid(f"Invalid environment variable name: {name}")
        if names.count(name) > 1:
            raise invalid(f"Duplicate environment variable name: {name}")


def on_lambda(env: Doc, doc: Doc, given: Collection[str]) -> None:
    """Refuse settings that Lambda compute does not support (user guide, "Limitations of AWS Lambda compute").

    The message is AWS's for a time limit (terraform-provider-aws#34376), and taken to be the same for the others.
    """
    refused = [name for name in NOT_ON_LAMBDA if name in given]
    refused += ["privilegedMode"] if env.get("privilegedMode") else []
    refused += ["fleet"] if (env.get("fleet") or {}).get("fleetArn") else []
    refused += ["cache"] if (doc.get("cache") or {}).get("type", "NO_CACHE") != "NO_CACHE" else []
    refused += ["vpcConfig"] if doc.get("vpcConfig") else []
    if refused:
        raise invalid(f"Cannot specify {refused[0]} for lambda compute")


def source(src: Doc) -> None:
    """Refuse sources that AWS rejects or that cannot be fetched here."""
    kind, location = src["type"], src.get("location", "")
    if kind not in SOURCES:
        raise unsupported(f"source type {kind}")
    if kind == "GITHUB" and not REPOSITORY.match(location):
        raise invalid(f"Invalid project source: location must be a valid GitHub repository URL, not {location!r}")
    if kind == "S3" and not OBJECT.match(location):
        raise invalid(f"Invalid project source: location must be a valid S3 source, not {location!r}")
    if kind in ("NO_SOURCE", "CODEPIPELINE") and location:
        raise invalid(f"Invalid project source: location must not be specified for source type {kind}")
    if kind == "NO_SOURCE" and not src.get("buildspec"):
        raise invalid("Invalid project source: buildspec must be specified for source type NO_SOURCE")
    if (src.get("gitSubmodulesConfig") or {}).get("fetchSubmodules"):
        raise unsupported("source.gitSubmodulesConfig.fetchSubmodules")
    if src.get("reportBuildStatus") and kind != "GITHUB":
        raise invalid(f"reportBuildStatus cannot be set for source type {kind}")
    if str(src.get("buildspec", "")).startswith("arn:"):
        raise unsupported("a buildspec in S3")


def identified(rows: list[Doc], member: str, name: str) -> None:
    """Refuse secondary sources or artifacts without a unique identifier."""
    found = [row.get(member, "") for row in rows]
    for identifier in found:
        if not VARIABLE.match(identifier):
            raise invalid(f"{name}: {member} must be given and have letters, digits and underscores only")
        if found.count(identifier) > 1:
            raise invalid(f"{name}: {member} {identifier} is given twice")


def artifacts(doc: Doc) -> None:
    """Refuse artifacts that do not match the source type or lack a location."""
    kinds = {doc["source"]["type"], doc["artifacts"]["type"]}
    if "CODEPIPELINE" in kinds and len(kinds) > 1:
        raise invalid("Invalid artifacts: artifact type CODEPIPELINE and source type CODEPIPELINE only go together")
    identified(doc.get("secondaryArtifacts", []), "artifactIdentifier", "secondaryArtifacts")
    for each in (doc["artifacts"], *doc.get("secondaryArtifacts", [])):
        if each["type"] == "S3" and not each.get("location"):
            raise invalid("Invalid artifacts: location (a bucket) must be specified for artifact type S3")


def cache(doc: Doc) -> None:
    """Refuse a cache in S3 and invalid cache modes."""
    if doc.get("type") == "S3":
        raise unsupported("cache type S3")
    if doc.get("type") == "LOCAL" and not doc.get("modes"):
        raise invalid("Invalid cache: modes must be specified for cache type LOCAL")


def logs(doc: Doc) -> None:
    """Refuse logs in S3."""
    if (doc.get("s3Logs") or {}).get("status") == "ENABLED":
        raise unsupported("logsConfig.s3Logs")


def runnable(doc: Doc, architectures: Collection[str]) -> None:
    """Refuse to start a build whose environment cannot run on this machine.

    Args:
        doc: the build.
        architectures: those that the Docker daemon runs natively or emulated, e.g. "x86_64".

    Raises:
        ApiError: the environment cannot run here; the message has its type.
    """
    kind = doc["environment"]["type"]
    if kind.startswith("ARM") and ARM not in architectures:
        here = f"this machine, {', '.join(architectures)} (to emulate it, run: {COMMAND})"
        raise unsupported(f"running environment type {kind} on {here},")
