"""Fetching of a build's sources: from pipeline artifacts, S3 and GitHub."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.github import git
from localcloud.services.clients import client
from localcloud.services.codebuild import archives, validation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from localcloud.context import Context
    from localcloud.github import GitHub
    from localcloud.services.codebuild.build_context import Parts
    from localcloud.state.table import Doc

    Require = Callable[[str, str], None]

GIT_SECONDS = 300
DEFAULT_REFS = ("HEAD", "main", "master")


class SourceError(Exception):
    """A source cannot be fetched; the message becomes the phase context of CLIENT_ERROR."""


def from_s3(ctx: Context, bucket: str, key: str, version: str, place: Path) -> str:
    """Download a zip file from S3, unpack it into a folder and return the object's version. Blocking.

    Raises:
        SourceError: the object does not exist or cannot be unpacked.
    """
    place.mkdir(parents=True, exist_ok=True)
    archive = place.with_name(f"{place.name}.zip")
    arguments = {"VersionId": version} if version else {}
    try:
        answer = client(ctx, "s3").get_object(Bucket=bucket, Key=key, **arguments)
        with archive.open("wb") as sink:
            for chunk in answer["Body"].iter_chunks(2**20):
                sink.write(chunk)
        archives.unpack(archive, place)
    except ClientError as error:
        failure = error.response["Error"]
        text = f"{failure['Code']}: {failure['Message']}"
        raise SourceError(f"{text} for primary source and source version {bucket}/{key}") from error
    except (BotoCoreError, OSError, archives.ArchiveError) as error:
        raise SourceError(f"{bucket}/{key}: {error}") from error
    finally:
        archive.unlink(missing_ok=True)
    return str(answer.get("VersionId") or "")


def repository_of(location: str) -> str:
    """Return "owner/name" of a GitHub URL."""
    found = validation.REPOSITORY.match(location)
    if found is None:
        raise SourceError(f"{location!r} is no GitHub repository")
    return found[1]


def resolved(github: GitHub, repository: str, version: str) -> str:
    """Return the commit of a source version: a branch, tag, commit, pr/NUMBER, or "" for the default branch.

    Raises:
        SourceError: the repository has no such version.
    """
    if version.startswith("pr/"):
        wanted: tuple[str, ...] = (f"refs/pull/{version.removeprefix('pr/')}/head",)
    else:
        wanted = (version, f"refs/tags/{version}") if version else DEFAULT_REFS
    for ref in wanted:
        found = github.commit(repository, ref)
        if found is not None:
            return str(found.sha)
    raise SourceError(f"reference not found for primary source and source version {version or 'of the default branch'}")


def from_github(url: str, sha: str, place: Path) -> None:
    """Clone a repository and check out a commit. Blocking.

    Raises:
        SourceError: git failed.
    """
    steps = (
        ["git", "clone", "--quiet", "--no-checkout", url, str(place)],
        ["git", "-C", str(place), "-c", "advice.detachedHead=false", "checkout", "--quiet", "--detach", sha],
    )
    for step in steps:
        try:
            done = subprocess.run(
                step, capture_output=True, text=True, check=False, timeout=GIT_SECONDS, env=git.environment()
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SourceError(f"git clone of {url}: {error}") from error
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise SourceError(f"git clone of {url} failed: {last}")


async def fetch(parts: Parts, build: Doc, folder: Path, require: Require) -> dict[str, str]:
    """Fetch all sources of a build; return their folders by source identifier, "" for the primary source.

    Args:
        parts: the parts of the service.
        build: the build, whose resolved source version is set.
        folder: the parent of "src" and of a folder for each secondary source.
        require: raises DeniedError unless the build's role may perform an action on a resource.

    Raises:
        DeniedError: the role may not read a source.
        SourceError: a source cannot be fetched.
    """
    primary = folder / "src"
    primary.mkdir(parents=True, exist_ok=True)
    places = {"": str(primary)}
    if build["source"]["type"] == "CODEPIPELINE":
        for row in build["_inputs"]:
            own = row["name"] == build["_primary"]
            place = primary if own else folder / f"src-{row['name']}"
            require("s3:GetObject", f"arn:aws:s3:::{row['bucket']}/{row['key']}")
            await parts.engine.call(from_s3, parts.state.ctx, row["bucket"], row["key"], "", place)
            if not own:
                places[row["name"]] = str(place)
        return places
    wanted = build.get("_commit") or build.get("sourceVersion", "")
    version = await fetch_one(parts, build["source"], wanted, primary, require)
    if version:
        build["resolvedSourceVersion"] = version
    versions = {row["sourceIdentifier"]: row["sourceVersion"] for row in build.get("secondarySourceVersions", [])}
    for source in build.get("secondarySources", []):
        identifier = source["sourceIdentifier"]
        place = folder / f"src-{identifier}"
        await fetch_one(parts, source, versions.get(identifier, ""), place, require)
        places[identifier] = str(place)
    return places


async def fetch_one(parts: Parts, source: Doc, version: str, place: Path, require: Require) -> str:
    """Fetch one source into a folder and return its resolved version."""
    if source["type"] == "S3":
        found = validation.OBJECT.match(source["location"])
        if found is None or source["location"].endswith("/"):
            raise SourceError(f"{source['location']}: the local cloud takes a zip file in S3, not a folder")
        require("s3:GetObjectVersion" if version else "s3:GetObject", f"arn:aws:s3:::{found[1]}/{found[2]}")
        return await parts.engine.call(from_s3, parts.state.ctx, found[1], found[2], version, place)
    if source["type"] == "GITHUB":
        repository = repository_of(source["location"])
        connection = (source.get("auth") or {}).get("resource", "")
        if connection.startswith("arn:"):
            service = connection.split(":")[2]
            require(f"{service}:GetConnection", connection)
            require(f"{service}:GetConnectionToken", connection)
        sha = await parts.engine.call(resolved, parts.github, repository, version)
        await parts.engine.call(from_github, parts.github.clone_url(repository), sha, place)
        return sha
    return ""
