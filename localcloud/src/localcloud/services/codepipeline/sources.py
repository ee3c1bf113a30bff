"""Source actions: the commit of a branch on the local GitHub, stored as a zip file in the artifact bucket."""

from __future__ import annotations

import io
import json
import logging
import stat
import struct
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError
from localcloud.services.clients import client
from localcloud.settings import COMMAND

if TYPE_CHECKING:
    from localcloud.github import Commit, GitHub
    from localcloud.services.codeconnections import CodeConnections
    from localcloud.services.codepipeline.action_records import Ledger
    from localcloud.services.codepipeline.background_jobs import Background
    from localcloud.state.table import Doc

LOG = logging.getLogger(__name__)
CONNECTION = "CodeStarSourceConnection"
MESSAGE = 1500
"""Maximum length of a commit message in the revision summary; AWS's limit for the whole summary is 2048."""


HEADER, SYSTEM, LENGTHS, ATTRIBUTES = 46, 5, 28, 38
"""Size of a header in a zip file's central directory without name, extra field and comment; offsets in it."""
UNIX = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The commit that a source action fetches, and the S3 location to store it."""

    repository: str
    branch: str
    sha: str
    """The requested commit; "" for the branch's tip."""
    bucket: str
    key: str
    encryption: dict[str, str]


class Sources:
    """Runs the source actions of CodeStarSourceConnection and GitHub version 1."""

    def __init__(self, ledger: Ledger, github: GitHub, connections: CodeConnections, background: Background) -> None:
        """Initialize with the action records, the local GitHub, the connections and the background threads."""
        self._ledger, self._github = ledger, github
        self._connections, self._background = connections, background

    def begin(self, execution: Doc, action: Doc) -> None:
        """Start fetching."""
        configuration = action["resolved"]
        if action["type"]["provider"] == CONNECTION:
            self._check_connection(configuration["ConnectionArn"])
        wanted = self.wanted(execution, action)
        self._background.start(action["id"], self.fetch, wanted)

    def look(self, execution: Doc, action: Doc) -> None:
        """Take the result; after a restart, fetch again."""
        if not self._background.has(action["id"]):
            self.begin(execution, action)
            return
        done, commit = self._background.taken(action["id"])
        if not done:
            return
        wanted = self.wanted(execution, action)
        url = f"https://github.com/{wanted.repository}/commit/{commit.sha}"
        connected = action["type"]["provider"] == CONNECTION
        message = commit.message[:MESSAGE]
        summary = json.dumps({"ProviderType": "GitHub", "CommitMessage": message}) if connected else message
        revision = {"revisionId": commit.sha, "revisionSummary": summary, "revisionUrl": url}
        execution["revisions"][action["action"]] = revision
        action["revision"] = revision
        action |= {"externalId": commit.sha, "externalUrl": url, "summary": summary}
        make = connection_variables if connected else github_variables
        self._ledger.succeed(execution, action, make(action["resolved"], wanted, commit, url))
        for output in action["outputs"]:
            execution["artifacts"][output["name"]]["revision"] = commit.sha
        self._ledger.state.save(execution)

    def forget(self, action: Doc) -> None:
        """Stop following the action."""
        self._background.forget(action["id"])

    def wanted(self, execution: Doc, action: Doc) -> Wanted:
        """Return what an action fetches."""
        repository, branch = place(action["resolved"])
        override = execution["overrides"].get(action["action"], {})
        declaration = self._ledger.state.structure(execution)
        store = declaration.get("artifactStore") or declaration["artifactStores"][self._ledger.state.ctx.region]
        key = store.get("encryptionKey", {}).get("id")
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
        output = action["outputs"][0]
        return Wanted(
            repository=repository,
            branch=override.get("branch") or branch,
            sha=override.get("sha", ""),
            bucket=output["bucket"],
            key=output["key"],
            encryption=encryption,
        )

    def fetch(self, wanted: Wanted) -> Commit:
        """Upload the commit's files to the artifact bucket (runs in a thread).

        Raises:
            ApiError: the repository, branch, commit or bucket does not exist.
        """
        commit = self._github.commit(wanted.repository, wanted.sha or f"refs/heads/{wanted.branch}")
        if commit is None:
            what = f"commit {wanted.sha}" if wanted.sha else f"branch {wanted.branch}"
            text = f"The repository {wanted.repository} has no {what}; is it pushed to the local GitHub?"
            raise ApiError("RevisionUnavailable", text)
        body = without_modes(self._github.archive(wanted.repository, commit.sha))
        s3 = client(self._ledger.state.ctx, "s3")
        try:
            s3.put_object(Bucket=wanted.bucket, Key=wanted.key, Body=body, **wanted.encryption)
        except Exception as error:  # any failure becomes the action's error
            text = f"The artifact bucket {wanted.bucket} cannot be written: {error}"
            raise ApiError("ConfigurationError", text) from error
        return commit

    def _check_connection(self, key: str) -> None:
        status = self._connections.status(key)
        if status is None:
            raise ApiError("ConfigurationError", f"The connection {key} does not exist")
        if status != "AVAILABLE":
            text = f"The connection {key} is {status}, not AVAILABLE: complete it in the console (here: "
            text += f"{COMMAND} connect {key}), then update the pipeline: pushes do not start it before"
            raise ApiError("ConfigurationError", text)


def without_modes(archive: bytes) -> bytes:
    """Return a zip file without executable permissions, in which a symbolic link is a file that contains its target.

    CodePipeline's user guide, Troubleshooting: file permissions are not retained. Nothing but the attributes in the
    central directory changes (APPNOTE.TXT, 4.3.12): names and contents keep their bytes, whatever the encoding.
    """
    made = bytearray(archive)
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        rows, place = source.infolist(), source.start_dir
    for row in rows:
        if not row.is_dir():
            made[place + SYSTEM] = UNIX
            struct.pack_into("<I", made, place + ATTRIBUTES, (stat.S_IFREG | 0o644) << 16)
        place += HEADER + sum(struct.unpack_from("<HHH", made, place + LENGTHS))
    return bytes(made)


def place(configuration: dict[str, Any]) -> tuple[str, str]:
    """Return the repository and the branch in a source action's configuration."""
    if "FullRepositoryId" in configuration:
        return configuration["FullRepositoryId"], configuration["BranchName"]
    return f"{configuration['Owner']}/{configuration['Repo']}", configuration["Branch"]


def connection_variables(configuration: Doc, wanted: Wanted, commit: Commit, _url: str) -> dict[str, str]:
    """Return the output variables of a connection source."""
    return {
        "AuthorDate": commit.author_date,
        "BranchName": wanted.branch,
        "CommitId": commit.sha,
        "CommitMessage": commit.message,
        "ConnectionArn": configuration["ConnectionArn"],
        "FullRepositoryName": wanted.repository,
    }


def github_variables(configuration: Doc, wanted: Wanted, commit: Commit, url: str) -> dict[str, str]:
    """Return the output variables of a GitHub version 1 source."""
    return {
        "AuthorDate": commit.author_date,
        "BranchName": wanted.branch,
        "CommitId": commit.sha,
        "CommitMessage": commit.message,
        "CommitUrl": url,
        "CommitterDate": commit.committer_date,
        "RepositoryName": configuration["Repo"],
    }
