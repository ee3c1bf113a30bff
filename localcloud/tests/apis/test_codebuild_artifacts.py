"""Sources and artifacts in S3: modes and names are preserved, paths cannot escape their folder."""

from __future__ import annotations

import io
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest

from support.building import BUCKET, Workshop, context, workshop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud


@pytest.fixture
def shop(cloud: Cloud) -> Iterator[Workshop]:
    """CodeBuild."""
    yield from workshop(cloud)


def test_sources_and_artifacts_go_through_s3(shop: Workshop) -> None:
    """File modes of sources and artifacts are preserved; the buildspec selects and names the artifacts."""
    spec = """
version: 0.2
phases:
  build:
    commands:
      - ./tool.sh > out/made.txt
      - mkdir -p out/deep && echo deep > out/deep/file.txt && echo no > out/skipped.log && cp tool.sh out/
artifacts:
  base-directory: out
  files: ['**/*']
  exclude-paths: ['**/*.log']
  secondary-artifacts:
    flat: {files: ['out/deep/*'], discard-paths: yes}
"""
    location = shop.put("in/source.zip", {"spec/ci.yml": spec, "tool.sh": "#!/bin/sh\necho made\n", "out/empty": ""})
    secondary = {"type": "S3", "location": BUCKET, "path": "out", "name": "flat.zip", "packaging": "ZIP"}
    shop.project(
        "contract-artifacts",
        source={"type": "S3", "location": location, "buildspec": "spec/ci.yml"},
        artifacts={"type": "S3", "location": BUCKET, "path": "out", "name": "all.zip", "packaging": "ZIP"},
        secondaryArtifacts=[secondary | {"artifactIdentifier": "flat"}],
    )
    build = shop.run("contract-artifacts")
    assert build["buildStatus"] == "SUCCEEDED", shop.text(build)
    archive = shop.archive("out/all.zip")
    assert sorted(archive.namelist()) == ["deep/file.txt", "empty", "made.txt", "tool.sh"]
    assert archive.read("made.txt") == b"made\n"
    assert archive.getinfo("tool.sh").external_attr >> 16 & 0o777 == 0o755
    assert shop.archive("out/flat.zip").namelist() == ["file.txt"]


def test_an_artifact_without_files_fails_the_build(shop: Workshop) -> None:
    """In UPLOAD_ARTIFACTS, as on AWS."""
    shop.project(
        "contract-empty",
        source={
            "type": "NO_SOURCE",
            "buildspec": "version: 0.2\nphases: {build: {commands: [echo]}}\nartifacts: {files: [none.txt]}\n",
        },
        artifacts={"type": "S3", "location": BUCKET, "name": "none.zip", "packaging": "ZIP"},
    )
    build = shop.run("contract-empty")
    assert build["buildStatus"] == "FAILED", build["phases"]
    assert context(build, "UPLOAD_ARTIFACTS") == ("CLIENT_ERROR", "no matching artifact paths found")


@pytest.mark.parametrize("name", ["../escaped.txt", "/etc/escaped.txt"])
def test_a_source_that_escapes_is_refused(shop: Workshop, name: str) -> None:
    """Nothing is written outside the source folder, and the build fails with the reason."""
    location = shop.put("in/escape.zip", {"buildspec.yml": "version: 0.2\n", name: "x"})
    shop.project("contract-escape", source={"type": "S3", "location": location})
    build = shop.run("contract-escape")
    assert build["buildStatus"] == "FAILED", build["phases"]
    code, message = context(build, "DOWNLOAD_SOURCE")
    assert code == "CLIENT_ERROR"
    assert "outside of the source folder" in message


def test_an_exploding_source_is_refused(shop: Workshop) -> None:
    """An archive is unpacked up to 1 GiB only."""
    location = shop.put("in/bomb.zip", {"buildspec.yml": "version: 0.2\n"})
    archive = shop.s3.get_object(Bucket=BUCKET, Key="in/bomb.zip")["Body"].read()
    at = archive.index(b"PK\x01\x02") + 24
    shop.s3.put_object(Bucket=BUCKET, Key="in/bomb.zip", Body=archive[:at] + b"\xff\xff\xff\x7f" + archive[at + 4 :])
    shop.project("contract-bomb", source={"type": "S3", "location": location})
    code, message = context(shop.run("contract-bomb"), "DOWNLOAD_SOURCE")
    assert code == "CLIENT_ERROR"
    assert "at most" in message


def test_a_linked_source_stays_in_its_folder(shop: Workshop) -> None:
    """A symbolic link inside the folder is preserved, an absolute one too; a relative one that leads out is refused."""
    spec = "version: 0.2\nphases: {build: {commands: ['test -L near', 'cat near']}}\n"
    outside = "lead outside of the source folder"
    for target, message in (("buildspec.yml", ""), ("/etc/passwd", ""), ("../../../etc/passwd", outside)):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("buildspec.yml", spec)
            link = zipfile.ZipInfo("near")
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, target)
        shop.s3.put_object(Bucket=BUCKET, Key="in/link.zip", Body=data.getvalue())
        shop.project("contract-link", source={"type": "S3", "location": f"{BUCKET}/in/link.zip"})
        build = shop.run("contract-link")
        assert build["buildStatus"] == ("FAILED" if message else "SUCCEEDED"), shop.text(build)
        assert message in context(build, "DOWNLOAD_SOURCE")[1]
