"""From the queue to a running container: log stream, image, sources, buildspec, variables."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
from botocore.exceptions import ClientError

from localcloud.docker_engine import qemu
from localcloud.iam.authority import DeniedError
from localcloud.services.clients import client
from localcloud.services.codebuild import (
    archives,
    build_images,
    buildspec,
    caches,
    lambda_compute,
    phases,
    script,
    sources,
    statuses,
    variables,
)
from localcloud.services.codebuild.build_context import SOCKET, container_name, docker_socket
from localcloud.services.codebuild.phase_error import PhaseError
from localcloud.services.codebuild.validation import CURATED
from localcloud.services.ecs.image_pulls import PullError, pull
from localcloud.settings import COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.services.codebuild.build import Build
    from localcloud.services.codebuild.build_context import Parts
    from localcloud.services.codebuild.transcript import Transcript
    from localcloud.state.table import Doc

DEFAULT_FILE = "buildspec.yml"
SPEC_BYTES = 2**20
RUNTIMES = ("python", "docker")
"""Runtimes of the curated image that can be selected here."""
NO_RUNTIMES = "Skipping install of runtimes. Runtime version selection is not supported by this build image."
"""AWS's warning (user guide, Build specification reference, phases/install/runtime-versions)."""


async def started(run: Build) -> Transcript:
    """Start a build's container and return the reader of its output.

    Raises:
        PhaseError: a step failed; it has the phase's context.
    """
    build, parts = run.build, run.parts
    await parts.engine.remove(container_name(build))
    await statuses.report(parts, build)
    run.say("Running on CodeBuild On-demand", "Waiting for agent ping")
    phases.enter(build, "PROVISIONING", parts.state.now())
    run.save()
    image = await provisioned(run)
    phases.leave(build, "SUCCEEDED", parts.state.now())
    phases.enter(build, "DOWNLOAD_SOURCE", parts.state.now())
    run.save()
    run.say("Phase is DOWNLOAD_SOURCE")
    try:
        run.places = await sources.fetch(parts, build, parts.folder(build), run.require)
        run.spec = specification(build, run.places[""], run)
        own, secret = await parts.engine.call(variables.resolve, parts.state.ctx, build, run.spec, run.require)
    except DeniedError as error:
        raise PhaseError("CLIENT_ERROR", f"AccessDenied: {error}") from error
    except (sources.SourceError, archives.ArchiveError) as error:
        raise PhaseError("CLIENT_ERROR", str(error)) from error
    except buildspec.BuildspecError as error:
        raise PhaseError("YAML_FILE_ERROR", str(error)) from error
    except variables.VariableError as error:
        raise PhaseError(error.code, str(error)) from error
    return await launched(run, image, own, secret)


async def provisioned(run: Build) -> str:
    """Return the ID of the Docker image; pull an image of the local registry with the build role's permissions.

    Raises:
        PhaseError: the image cannot be pulled.
    """
    parts, name, kind = run.parts, run.build["environment"]["image"], run.build["environment"]["type"]
    password = parts.state.ctx.iam.password(run.session["key"])
    known = qemu.base_images(parts.engine.client, kind, parts.state.ctx.images)
    reference = known.get("CODEBUILD_IMAGE", "") if CURATED.match(name) else None
    reference = build_images.reference(parts.state.ctx, name) if reference is None else reference
    if not reference:
        raise PhaseError("BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE", f"{name}: no CODEBUILD_IMAGE; run: {COMMAND} up")
    build_images.authorize(run, reference)
    try:
        found = await parts.engine.call(pull, parts.engine.client, reference, password)
    except PullError as error:
        text = f"Unable to pull customer's container image. {error}"
        raise PhaseError("BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE", text) from error
    if (found.attrs["Architecture"] == qemu.DOCKERS_NAME) != kind.startswith("ARM"):
        text = f"{reference} is an image for {found.attrs['Architecture']}, which {kind} does not run"
        raise PhaseError("BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE", text)
    return str(found.id)


def specification(build: Doc, source: str, run: Build) -> buildspec.Buildspec:
    """Parse the buildspec, which is inline in the project or a file of the source."""
    given = build["source"].get("buildspec") or DEFAULT_FILE
    if "\n" in given or given.lstrip().startswith("{"):
        text = given
    else:
        path = Path(source) / given
        if not path.resolve().is_relative_to(Path(source).resolve()) or not path.is_file():
            raise buildspec.BuildspecError(f"YAML file does not exist: {given}")
        if path.stat().st_size > SPEC_BYTES:
            raise buildspec.BuildspecError(f"{given} is larger than {SPEC_BYTES} bytes")
        text = path.read_text("utf-8", "replace")
        run.say(f"CODEBUILD_SRC_DIR={source}", f"YAML location is {path}")
    run.say("Processing environment variables")
    spec = buildspec.parse(text)
    chosen = with_runtimes(spec, build)
    run.say(*script.unretried(spec), *([] if chosen == spec else [NO_RUNTIMES]))
    for name, version in chosen.runtimes.items():
        if name not in RUNTIMES:
            raise buildspec.BuildspecError(f"runtime-versions: {name} {version} is not supported by the local cloud")
    build["_spec"] = text
    return chosen


def with_runtimes(spec: buildspec.Buildspec, build: Doc) -> buildspec.Buildspec:
    """Return a buildspec without runtime versions, which are skipped, if the build's image cannot select them.

    Only AWS's images can, and of them none for Lambda compute (aws-codebuild-docker-images: no runtimes.yml).
    """
    found = CURATED.match(build["environment"]["image"])
    return spec if found and found[3] != "lambda-standard" else replace(spec, runtimes={})


async def launched(run: Build, image: str, own: dict[str, str], secret: dict[str, str]) -> Transcript:
    """Write the build script, then create and start the container."""
    build, parts = run.build, run.parts
    folder = parts.folder(build)
    word = secrets.token_hex(8)
    await parts.engine.call(written, folder / "agent", script.files(run.spec, str(folder / "agent"), word))
    if lambda_compute.used(build["environment"]):
        await parts.engine.call(lambda_compute.hand_over, folder)
    environment = run.variables = variables.environment(parts.state.ctx, build, run.places, own, run.session)
    mounts, uncached = caches.mounts(build, run.spec, run.places, environment, parts.engine.network)
    await asyncio.gather(
        *(parts.engine.call(caches.ensure, parts.engine, build["projectName"], volume) for volume in mounts)
    )
    counts = {name: len(script.commands(run.spec, name)[0]) for name in run.spec.phases}
    run.say(f"Phases found in YAML: {len(counts)}", *(f" {name}: {count} commands" for name, count in counts.items()))
    run.say(*uncached)
    make = partial(create, parts, build, image, run.spec.shell, environment)
    await parts.engine.call(make, mounts)
    run.say("Phase complete: DOWNLOAD_SOURCE State: SUCCEEDED", "Phase context status code:  Message: ")
    preamble = run.shipment.taken if run.shipment is not None else []
    phases.leave(build, "SUCCEEDED", parts.state.now())
    build |= {
        "_word": word,
        "_secret_names": sorted(secret),
        "_stage": "running",
        "_places": run.places,
        "_preamble": preamble,
    }
    run.save()
    await begun(run, make, mounts)
    return run.reader(list(secret.values()))


async def begun(run: Build, make: Callable[[dict[str, str]], None], mounts: dict[str, str]) -> None:
    """Start the container; if Docker cannot mount its caches (the image has a file in a folder's place), without them.

    Args:
        run: the build.
        make: creates the container with the given mounts.
        mounts: the caches that it was created with.
    """
    engine, name = run.parts.engine, container_name(run.build)
    try:
        await engine.call(engine.client.api.start, name)
    except docker.errors.APIError as error:
        if not mounts:
            raise
        run.say(f"Nothing is cached: {' '.join(str(error.explanation).split())}")
        await engine.remove(name)
        await engine.call(make, {})
        await engine.call(engine.client.api.start, name)


def written(folder: Path, files: dict[str, str]) -> None:
    """Write the build script's files. Blocking."""
    (folder / "exported").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")


def create(  # noqa: PLR0913 - each is a parameter of its own
    parts: Parts, build: Doc, image: str, shell: str, environment: dict[str, str], mounts: dict[str, str]
) -> None:
    """Create the container. Blocking."""
    api: Any = parts.engine.client.api
    folder = str(parts.folder(build))
    binds = [f"{folder}:{folder}:rw", *(f"{volume}:{path}:rw" for volume, path in mounts.items())]
    if build["environment"].get("privilegedMode"):
        binds.append(f"{docker_socket()}:{SOCKET}:rw")
    on_lambda = lambda_compute.used(build["environment"])
    host = api.create_host_config(
        binds=binds,
        network_mode=parts.engine.network,
        log_config={"Type": "json-file", "Config": {}},
        **(lambda_compute.host() if on_lambda else {}),
    )
    api.create_container(
        image,
        entrypoint=[shell, f"{folder}/agent/run.sh"],
        command=[],
        name=container_name(build),
        working_dir=f"{folder}/src",
        environment=environment,
        labels=parts.engine.labels(build=build["id"], project=build["projectName"]),
        healthcheck={"test": ["NONE"]},
        stop_signal="SIGKILL",
        host_config=host,
        **(lambda_compute.container() if on_lambda else {"user": "0"}),
    )


def log_stream(run: Build) -> None:
    """Create the build's log stream. Blocking.

    Raises:
        PhaseError: the role lacks the permission, or the log group does not exist: a build does not create one here.
    """
    build = run.build
    logs = build["logs"]
    if not logs.get("groupName"):
        return
    api = client(run.parts.state.ctx, "logs")
    try:
        for action in ("CreateLogStream", "PutLogEvents"):
            run.require(f"logs:{action}", logs["cloudWatchLogsArn"])
    except DeniedError as error:
        text = (
            f"Service role {build['serviceRole']} does not allow AWS CodeBuild to create Amazon CloudWatch Logs log "
            f"streams for build {build['arn']}. Error message: {error}"
        )
        raise PhaseError("ACCESS_DENIED", text) from error
    try:
        api.create_log_stream(logGroupName=logs["groupName"], logStreamName=logs["streamName"])
    except api.exceptions.ResourceAlreadyExistsException:
        return
    except ClientError as error:
        text = (
            f"Service role {build['serviceRole']} does not allow AWS CodeBuild to create Amazon CloudWatch Logs log "
            f"streams for build {build['arn']}. Error message: the log group {logs['groupName']} does not exist and "
            f"builds make none here: declare it, or set logsConfig.cloudWatchLogs to another or to DISABLED"
        )
        raise PhaseError("ACCESS_DENIED", text) from error
