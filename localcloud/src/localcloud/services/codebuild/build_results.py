"""After the commands: exported variables, reports, artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.iam.authority import DeniedError
from localcloud.services.clients import client
from localcloud.services.codebuild import archives, phases, report_files
from localcloud.services.codebuild.phase_error import PhaseError

if TYPE_CHECKING:
    from localcloud.services.codebuild.build_run import Life
    from localcloud.services.codebuild.buildspec import Files
    from localcloud.services.codebuild.transcript import Transcript
    from localcloud.state.table import Doc

EXPORTED_AT_MOST = 64 * 1024
CONTENT = {"TEST": "BatchPutTestCases", "CODE_COVERAGE": "BatchPutCodeCoverages"}
"""What a report of a type is filled by."""
NOTHING = "no matching artifact paths found"


async def finished(life: Life, reader: Transcript) -> None:
    """Collect what the build has left; where not even its BUILD phase began, there is no UPLOAD_ARTIFACTS, as on AWS.

    Raises:
        PhaseError: an artifact or a report is missing or cannot be stored.
    """
    build, parts = life.build, life.parts
    build["exportedEnvironmentVariables"] = await parts.docking.call(exported, life, reader)
    if not any(row["phaseType"] == "BUILD" for row in build["phases"]):
        return
    phases.enter(build, "UPLOAD_ARTIFACTS", parts.state.now())
    life.save()
    source = Path(life.places[""])
    wrong = [await reported(life, name, wanted, source) for name, wanted in life.spec.reports.items()]
    await parts.docking.call(uploaded, life, source)
    if any(wrong):
        text = ", ".join(row for row in wrong if row)
        life.say(f"Error in UPLOAD_ARTIFACTS phase: [{text}]")
        raise PhaseError("CLIENT_ERROR", f"Error in UPLOAD_ARTIFACTS phase: [{text}]")
    phases.leave(build, "SUCCEEDED", parts.state.now())
    life.say("Phase complete: UPLOAD_ARTIFACTS State: SUCCEEDED", "Phase context status code:  Message: ")


def exported(life: Life, reader: Transcript) -> list[dict[str, str]]:
    """Return the exported variables that were set; secrets among them are masked. Blocking."""
    root = life.parts.folder(life.build)
    rows = []
    for name in life.spec.exported:
        path = root / "agent" / "exported" / name
        if path.is_file() and path.resolve().is_relative_to(root.resolve()):  # the build may have put a link there
            with path.open("rb") as stream:
                value = stream.read(EXPORTED_AT_MOST).decode("utf-8", "replace")
            rows.append({"name": name, "value": reader.masked(value)})
    return rows


async def reported(life: Life, name: str, wanted: Files, source: Path) -> str:
    """Make one report; returns what is wrong, "" where nothing is."""
    life.say(f"Preparing to copy {report_files.KINDS[wanted.format]} report {name}")
    parts, build = life.parts, life.build
    own = f"{build['projectName']}-{name}"
    arn = name if name.startswith("arn:") else parts.state.arn(f"report-group/{own}")
    group = parts.state.groups.get(arn)
    if group is None:
        return f"{name}: [the report group {own} does not exist and roles may not make one here: declare it]"
    try:
        for action in ("CreateReport", "UpdateReport", CONTENT[group["type"]]):
            life.require(f"codebuild:{action}", arn)
    except DeniedError as error:
        return f"{name}: [AccessDeniedException: {error}]"
    if group["type"] != report_files.KINDS[wanted.format]:
        return f"{name}: [the report group is of type {group['type']}, the file format is {wanted.format}]"
    try:
        rows = await parts.docking.call(archives.matching, source, wanted)
    except archives.ArchiveError as error:
        return f"{name}: [{error}]"
    if not rows:
        return f"{name}: [report files not found in build]"
    life.say(f"Found {len(rows)} report file(s)")
    try:
        content = await parts.docking.call(report_files.read, wanted.format, rows)
    except report_files.ReportError as error:
        content = None
        life.say(f"{name}: {error}")
    report_files.store(parts.state, build, group, content)
    return ""


def uploaded(life: Life, source: Path) -> None:
    """Store all artifacts of the build. Blocking.

    Raises:
        PhaseError: one has no files or cannot be stored.
    """
    build, spec = life.build, life.spec
    try:
        if build["source"]["type"] == "CODEPIPELINE":
            for output in build["_outputs"]:
                wanted = spec.secondary.get(output["name"])
                if wanted is None and len(build["_outputs"]) == 1:
                    wanted = spec.artifacts
                if wanted is None:
                    raise PhaseError("CLIENT_ERROR", f"{NOTHING}: the buildspec has no artifact {output['name']}")
                zipped(life, source, wanted, output["bucket"], output["key"])
            return
        if build["_artifacts"]["type"] == "S3":
            to_s3(life, source, build["_artifacts"], spec.artifacts)
        for row in build["_secondary_artifacts"]:
            to_s3(life, source, row, spec.secondary.get(row["artifactIdentifier"]))
    except (ClientError, BotoCoreError, DeniedError) as error:
        raise PhaseError("CLIENT_ERROR", f"Error uploading artifacts: {error}") from error
    except (archives.ArchiveError, OSError) as error:
        raise PhaseError("CLIENT_ERROR", str(error)) from error


def found(life: Life, source: Path, wanted: Files | None) -> list[tuple[Path, str]]:
    """Return an artifact's files."""
    rows = archives.matching(source, wanted) if wanted is not None else []
    if not rows:
        raise PhaseError("CLIENT_ERROR", NOTHING)
    life.say(f"Expanding base directory path: {wanted.base if wanted else '.'}", f"Found {len(rows)} file(s)")
    return rows


def zipped(life: Life, source: Path, wanted: Files, bucket: str, key: str) -> None:
    """Store an artifact as one zip file."""
    rows = found(life, source, wanted)
    archive = life.parts.folder(life.build) / "artifact.zip"
    archive.unlink(missing_ok=True)  # the build may have put a link there
    archives.pack(rows, archive, symlinks=wanted.symlinks)
    arguments = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": life.build["encryptionKey"]}
    put(life, bucket, key, archive, arguments)
    life.build["artifacts"]["location"] = f"arn:aws:s3:::{bucket}/{key}"
    archive.unlink()


def to_s3(life: Life, source: Path, place: Doc, wanted: Files | None) -> None:
    """Store an artifact where the project says: as one zip file, or file by file."""
    name = place["name"] if wanted is None or not (place.get("overrideArtifactName") and wanted.name) else wanted.name
    uuid = life.build["id"].rpartition(":")[2]
    middle = uuid if place.get("namespaceType") == "BUILD_ID" else ""
    key = "/".join(part.strip("/") for part in (place.get("path", ""), middle, name) if part.strip("/"))
    if wanted is not None and place.get("packaging") == "ZIP":
        zipped(life, source, wanted, place["location"], key)
        return
    for path, inner in found(life, source, wanted):
        put(life, place["location"], f"{key}/{inner}", path, {})
    life.build["artifacts"]["location"] = f"arn:aws:s3:::{place['location']}/{key}"


def put(life: Life, bucket: str, key: str, path: Path, arguments: dict[str, Any]) -> None:
    """Store one file, which the build's role has to be allowed."""
    life.require("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
    with path.open("rb") as stream:
        client(life.parts.state.ctx, "s3").put_object(Bucket=bucket, Key=key, Body=stream, **arguments)
