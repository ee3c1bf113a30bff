"""Shared support of tests of builds: projects, builds, logs, archives."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from support.responses import Recorder
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud

ROLE = "arn:aws:iam::000000000000:role/build"
IMAGE = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
GROUP = "/contract/build"
RECORDER = "what CodeBuild answers"
BUCKET = "contract-build"
REPOSITORY = "https://github.com/contract/built.git"


class Workshop:
    """CodeBuild on a local cloud, with a log group and a bucket."""

    def __init__(self, cloud: Cloud) -> None:
        """Create the shared resources, unless they exist."""
        self.cloud = cloud
        if RECORDER not in cloud.clients:
            cloud.clients[RECORDER] = Recorder()
            cloud.clients[RECORDER].watch(cloud.client("codebuild"))
        self.recorder: Recorder = cloud.clients[RECORDER]
        self.api, self.s3, self.logs = (cloud.client(name) for name in ("codebuild", "s3", "logs"))
        if not self.logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]:
            self.logs.create_log_group(logGroupName=GROUP)
            self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})

    def arguments(self, name: str, **more: object) -> dict[str, Any]:
        """Return CreateProject's arguments for a project without source and artifacts."""
        env = {"type": "LINUX_CONTAINER", "image": IMAGE, "computeType": "BUILD_GENERAL1_SMALL"}
        own: dict[str, Any] = {
            "name": name,
            "source": {"type": "NO_SOURCE", "buildspec": "version: 0.2\nphases: {build: {commands: [echo hello]}}\n"},
            "artifacts": {"type": "NO_ARTIFACTS"},
            "environment": env,
            "serviceRole": ROLE,
            "logsConfig": {"cloudWatchLogs": {"status": "ENABLED", "groupName": GROUP, "streamName": name}},
        }
        return own | more

    def project(self, name: str, **more: object) -> dict[str, Any]:
        """Create or replace a project."""
        self.api.delete_project(name=name)
        return dict(self.api.create_project(**self.arguments(name, **more))["project"])

    def spec(self, name: str, text: str, **more: object) -> dict[str, Any]:
        """Create a project with only a buildspec and run a build to its end."""
        self.project(name, source={"type": "NO_SOURCE", "buildspec": text}, **more)
        return self.run(name)

    def start(self, name: str, **more: object) -> str:
        """Start a build; returns its id."""
        return str(self.api.start_build(projectName=name, **more)["build"]["id"])

    def run(self, name: str, **more: object) -> dict[str, Any]:
        """Run a build to its end."""
        return self.wait(self.start(name, **more))

    def build(self, identifier: str) -> dict[str, Any]:
        """Describe a build."""
        return dict(self.api.batch_get_builds(ids=[identifier])["builds"][0])

    def wait(self, identifier: str) -> dict[str, Any]:
        """Wait for a build's end and print a failure's log, which pytest shows if the test fails."""
        until(lambda: self.build(identifier)["buildComplete"], lambda: self.build(identifier)["phases"])
        build = self.build(identifier)
        if build["buildStatus"] != "SUCCEEDED":
            print(identifier, build["buildStatus"], build["phases"], self.text(build), sep="\n")
        return build

    def until(self, identifier: str, text: str) -> None:
        """Wait until a build's log contains a line."""
        until(lambda: text in self.log(self.build(identifier)), lambda: self.text(self.build(identifier)))

    def log(self, build: dict[str, Any]) -> list[str]:
        """Return the lines of a build's log."""
        place = {"logGroupName": build["logs"]["groupName"], "logStreamName": build["logs"]["streamName"]}
        try:
            events = self.logs.get_log_events(**place, startFromHead=True)["events"]
        except ClientError:
            return []
        return [event["message"] for event in events]

    def text(self, build: dict[str, Any]) -> str:
        """Return a build's log as one string."""
        return "\n".join(self.log(build))

    def put(self, key: str, files: dict[str, str]) -> str:
        """Upload a ZIP archive to the bucket; returns its location."""
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            for name, text in files.items():
                entry = zipfile.ZipInfo(name)
                entry.external_attr = (0o100755 if name.endswith(".sh") else 0o100644) << 16
                archive.writestr(entry, text)
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=data.getvalue())
        return f"{BUCKET}/{key}"

    def archive(self, key: str) -> zipfile.ZipFile:
        """Download a ZIP archive from the bucket."""
        return zipfile.ZipFile(io.BytesIO(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()))


def workshop(cloud: Cloud) -> Iterator[Workshop]:
    """Yield CodeBuild; afterwards, check that all its responses conform to botocore's model."""
    shop = Workshop(cloud)
    yield shop
    assert shop.recorder.problems == []


def phases(build: dict[str, Any]) -> dict[str, str]:
    """Return each phase's status."""
    return {row["phaseType"]: row.get("phaseStatus", "") for row in build["phases"]}


def context(build: dict[str, Any], phase: str) -> tuple[str, str]:
    """Return a phase's status code and message."""
    row = next(row for row in build["phases"] if row["phaseType"] == phase)
    return row["contexts"][0]["statusCode"], row["contexts"][0]["message"]
