"""What happens after a build's commands: exported variables, reports, artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.iam.authority import DeniedError
from localcloud.services.clients import client
from localcloud.services.codebuild import archives, container_files, path_variables, phases, report_files
from localcloud.services.codebuild.build_context import container_name
from localcloud.services.codebuild.phase_error import PhaseError
from localcloud.services.codebuild.report_content import ReportError

if TYPE_CHECKING:
    from localcloud.services.codebuild.build import Build
    from localcloud.services.codebuild.buildspec import Files
    from localcloud.services.codebuild.transcript import Transcript
    from localcloud.state.table import Doc

EXPORTED_AT_MOST = 64 * 1024
CONTENT = {"TEST": "BatchPutTestCases", "CODE_COVERAGE": "BatchPutCodeCoverages"}
"""The IAM action that fills a report, by report group type."""
NOTHING = "no matching artifact paths found"


async def finished(run: Build, reader: Transcript) -> None:
    """Collect the results of a build; if BUILD never began, there is no UPLOAD_ARTIFACTS phase, as on AWS.

    Raises:
        PhaseError: an artifact or a report is missing or cannot be stored.
    """
    build, parts = run.build, run.parts
    build["exportedEnvironmentVariables"] = await parts.engine.call(exported, run, reader)
    if not any(row["phaseType"] == "BUILD" for row in build["phases"]):
        return
    phases.enter(build, "UPLOAD_ARTIFACTS", parts.state.now())
    run.save()
    source = Path(run.places[""])
    wrong = [await reported(run, named(run, name), wanted, source) for name, wanted in run.spec.reports.items()]
    await parts.engine.call(uploaded, run, source)
    if any(wrong):
        text = ", ".join(row for row in wrong if row)
        run.say(f"Error in UPLOAD_ARTIFACTS phase: [{text}]")
        raise PhaseError("CLIENT_ERROR", f"Error in UPLOAD_ARTIFACTS phase: [{text}]")
    phases.leave(build, "SUCCEEDED", parts.state.now())
    run.say("Phase complete: UPLOAD_ARTIFACTS State: SUCCEEDED", "Phase context status code:  Message: ")


def exported(run: Build, reader: Transcript) -> list[dict[str, str]]:
    """Return the exported variables that were set, with secrets masked. Blocking."""
    root = run.parts.folder(run.build)
    rows = []
    for name in run.spec.exported:
        path = root / "agent" / "exported" / name
        if path.is_file() and path.resolve().is_relative_to(root.resolve()):  # the build may have created a link there
            with path.open("rb") as stream:
                value = stream.read(EXPORTED_AT_MOST).decode("utf-8", "replace")
            rows.append({"name": name, "value": reader.masked(value)})
    return rows


def named(run: Build, name: str) -> str:
    """Return a report group's name or ARN, which may be a variable (user guide, Report group naming)."""
    try:
        return path_variables.expanded(name, run.variables)
    except path_variables.UnknownVariableError:
        return name


async def reported(run: Build, name: str, wanted: Files, source: Path) -> str:
    """Create one report and return an error message, or ""."""
    run.say(f"Preparing to copy {report_files.KINDS[wanted.format]} report {name}")
    parts, build = run.parts, run.build
    own = f"{build['projectName']}-{name}"
    arn = name if name.startswith("arn:") else parts.state.arn(f"report-group/{own}")
    group = parts.state.groups.get(arn)
    if group is None:
        return f"{name}: [the report group {own} does not exist and roles may not make one here: declare it]"
    try:
        for action in ("CreateReport", "UpdateReport", CONTENT[group["type"]]):
            run.require(f"codebuild:{action}", arn)
    except DeniedError as error:
        return f"{name}: [AccessDeniedException: {error}]"
    if group["type"] != report_files.KINDS[wanted.format]:
        return f"{name}: [the report group is of type {group['type']}, the file format is {wanted.format}]"
    try:
        wanted = path_variables.files(wanted, run.variables)
        api, container = parts.engine.client.api, container_name(build)
        rows = await parts.engine.call(container_files.matching, api, container, source, wanted)
    except (archives.ArchiveError, path_variables.UnknownVariableError) as error:
        return f"{name}: [{error}]"
    if not rows:
        return f"{name}: [report files not found in build]"
    run.say(f"Found {len(rows)} report file(s)")
    try:
        content = await parts.engine.call(report_files.read, wanted.format, rows)
    except ReportError as error:
        content = None
        run.say(f"{name}: {error}")
    report_files.store(parts.state, build, group, content)
    return ""


def uploaded(run: Build, source: Path) -> None:
    """Upload all artifacts of the build. Blocking.

    Raises:
        PhaseError: an artifact has no files or cannot be stored.
    """
    build, spec = run.build, run.spec
    try:
        if build["source"]["type"] == "CODEPIPELINE":
            for output in build["_outputs"]:
                wanted = spec.secondary.get(output["name"])
                if wanted is None and len(build["_outputs"]) == 1:
                    wanted = spec.artifacts
                if wanted is None:
                    raise PhaseError("CLIENT_ERROR", f"{NOTHING}: the buildspec has no artifact {output['name']}")
                zipped(run, source, wanted, output["bucket"], output["key"])
            return
        if build["_artifacts"]["type"] == "S3":
            to_s3(run, source, build["_artifacts"], spec.artifacts)
        for row in build["_secondary_artifacts"]:
            to_s3(run, source, row, spec.secondary.get(row["artifactIdentifier"]))
    except (ClientError, BotoCoreError, DeniedError) as error:
        raise PhaseError("CLIENT_ERROR", f"Error uploading artifacts: {error}") from error
    except (archives.ArchiveError, OSError, UnicodeError) as error:  # a key in S3 is UTF-8
        raise PhaseError("CLIENT_ERROR", str(error)) from error


def found(run: Build, source: Path, wanted: Files | None) -> list[tuple[Path, str]]:
    """Return the files of an artifact with their names."""
    try:
        wanted = wanted and path_variables.files(wanted, run.variables)
    except path_variables.UnknownVariableError as error:
        raise PhaseError("CLIENT_ERROR", f"{NOTHING}: {error}") from error
    rows = archives.matching(source, wanted) if wanted is not None else []
    if not rows:
        raise PhaseError("CLIENT_ERROR", NOTHING)
    run.say(f"Expanding base directory path: {wanted.base if wanted else '.'}", f"Found {len(rows)} file(s)")
    return rows


def zipped(run: Build, source: Path, wanted: Files, bucket: str, key: str) -> None:
    """Upload an artifact as one zip file."""
    rows = found(run, source, wanted)
    archive = run.parts.folder(run.build) / "artifact.zip"
    archive.unlink(missing_ok=True)  # the build may have created a link there
    archives.pack(rows, archive, symlinks=wanted.symlinks)
    arguments = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": run.build["encryptionKey"]}
    put(run, bucket, key, archive, arguments)
    run.build["artifacts"]["location"] = f"arn:aws:s3:::{bucket}/{key}"
    archive.unlink()


def calculated(run: Build, name: str) -> str:
    """Return an artifact's name of the buildspec, with variables replaced.

    Raises:
        PhaseError: the build has no such variable, or the name runs a command, which AWS's shell would.
    """
    if "$(" in name or "`" in name:
        raise PhaseError("CLIENT_ERROR", f"artifacts.name {name} runs a command, which the local cloud does not do")
    try:
        return path_variables.expanded(name, run.variables)
    except path_variables.UnknownVariableError as error:
        raise PhaseError("CLIENT_ERROR", f"artifacts.name {name}: {error}") from error


def to_s3(run: Build, source: Path, place: Doc, wanted: Files | None) -> None:
    """Upload an artifact to the project's S3 location: as one zip file, or file by file."""
    own = wanted.name if wanted is not None and place.get("overrideArtifactName") else ""
    name = calculated(run, own) if own else place["name"]
    uuid = run.build["id"].rpartition(":")[2]
    middle = uuid if place.get("namespaceType") == "BUILD_ID" else ""
    key = "/".join(part.strip("/") for part in (place.get("path", ""), middle, name) if part.strip("/"))
    if wanted is not None and place.get("packaging") == "ZIP":
        zipped(run, source, wanted, place["location"], key)
        return
    for path, inner in found(run, source, wanted):
        put(run, place["location"], f"{key}/{inner}", path, {})
    run.build["artifacts"]["location"] = f"arn:aws:s3:::{place['location']}/{key}"


def put(run: Build, bucket: str, key: str, path: Path, arguments: dict[str, Any]) -> None:
    """Upload one file; the build's role needs the permission."""
    run.require("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
    with path.open("rb") as stream:
        client(run.parts.state.ctx, "s3").put_object(Bucket=bucket, Key=key, Body=stream, **arguments)
