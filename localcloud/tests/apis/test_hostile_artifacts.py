"""Malicious sources, artifacts, reports and buildspecs of builds."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest

from localcloud.services.codebuild import archives, buildspec, report_files
from localcloud.services.codebuild.archives import ArchiveError
from localcloud.services.codebuild.buildspec import BuildspecError, Files
from localcloud.services.codebuild.report_content import ReportError
from support.attacker import Attacker
from support.building import BUCKET, Workshop, context

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.cloud import Cloud

LINK = stat.S_IFLNK | 0o777


def packed(*rows: tuple[str, bytes, int]) -> bytes:
    """Return a ZIP archive of names, contents and modes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in rows:
            entry = zipfile.ZipInfo("x" * len(name))
            entry.filename = name
            entry.external_attr = mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return made.getvalue()


def file(name: str, content: bytes = b"x") -> tuple[str, bytes, int]:
    """Return a regular file's entry."""
    return name, content, 0o100644


def link(name: str, target: str) -> tuple[str, bytes, int]:
    """Return a symbolic link's entry."""
    return name, target.encode(), LINK


def encrypted() -> bytes:
    """Return a ZIP archive with the encryption flag."""
    data = bytearray(packed(file("a")))
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(mark) + place] |= 1
    return bytes(data)


def lying(size: int) -> bytes:
    """Return a ZIP archive of 16 MiB of zeros with a declared size of `size` bytes."""
    unit = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = unit.compress(b"\0" * 2**24) + unit.flush()
    data = bytearray(packed(file("a", b"")))
    start, middle = data.index(b"PK\3\4"), data.index(b"PK\1\2")
    head, rest = data[start:middle], data[middle:]
    head = head[: 30 + 1]
    struct.pack_into("<II", head, 18, len(body), size)
    struct.pack_into("<II", rest, 20, len(body), size)
    struct.pack_into("<I", rest, rest.index(b"PK\5\6") + 16, len(head) + len(body))
    return bytes(head + body + rest)


def wide() -> bytes:
    """Return the end of a ZIP archive that declares a central directory of 4 GB."""
    data = bytearray(packed(file("a")))
    struct.pack_into("<I", data, data.index(b"PK\5\6") + 12, 2**32 - 2)
    return bytes(data)


ZIPS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a file above": (lambda: packed(file("../out")), "outside"),
    "a file above, further in": (lambda: packed(file("a/../../out")), "outside"),
    "a file from the root": (lambda: packed(file("/out")), "outside"),
    "a link above": (lambda: packed(link("a", "../out")), "outside"),
    "an absolute link and a file through it": (lambda: packed(link("a", "/etc"), file("a/out")), ""),
    "an absolute link and a link through it": (lambda: packed(link("a", "/etc"), link("a/b", "c")), ""),
    "a link through an absolute link": (lambda: packed(link("a", "/etc"), link("b", "a/victim")), "outside"),
    "a link and a file through it": (lambda: packed(link("a", ".."), file("a/out")), ""),
    "a link through a link": (lambda: packed(file("d/e/f/x"), link("d/e/f/s", "../../.."), link("t", "d/e/f/s/..")),
                              "outside"),
    "links in a circle": (lambda: packed(link("a", "b"), link("b", "a")), "Symlink loop"),
    "a file twice": (lambda: packed(file("a"), file("a", b"y")), "more than once"),
    "a file and a folder of one name": (lambda: packed(file("a"), file("a/b")), "cannot be unpacked"),
    "an encrypted file": (encrypted, "encrypted"),
    "no zip": (lambda: b"no zip", "not a zip"),
    "nothing": (lambda: b"", "not a zip"),
    "half a zip": (lambda: packed(file("a", os.urandom(1000)))[:600], "not a zip"),
    "a broken stream": (lambda: packed(file("a", b"x" * 1000))[:31] + b"\xff" * 4 + packed(file("a", b"x" * 1000))[35:],
                        "unpacked"),
    "a wrong checksum": (
        lambda: packed(file("a", b"x")).replace(zlib.crc32(b"x").to_bytes(4, "little"), b"abcd"), "CRC",
    ),
    "more than it may": (lambda: packed(*[file(f"{n}", b"\0" * 2**20) for n in range(9)]), "8388608 at most"),
    "more than it says": (lambda: lying(10), ""),
    "a directory of 4 GB": (wide, ""),
    "a name without an end": (lambda: packed(file("x" * 5000)), "too long"),
    "a link that is a file's size": (lambda: packed(link("a", "b" * 10**6)), ""),
}  # fmt: skip


@pytest.mark.parametrize("case", ZIPS)
def test_a_zip_is_refused_that_is_or_has(tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one line; nothing outside its folder is created or changed. The limit is 8 MiB here, else 1 GiB."""
    make, words = ZIPS[case]
    monkeypatch.setattr(archives, "BYTES_AT_MOST", 2**23)
    (tmp_path / "in.zip").write_bytes(make())
    (tmp_path / "victim").write_text("mine")
    with pytest.raises(ArchiveError) as caught:
        archives.unpack(tmp_path / "in.zip", tmp_path / "below" / "src")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["below", "in.zip", "victim"]
    assert [path.name for path in (tmp_path / "below").iterdir()] == ["src"]
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file() and path.name != "in.zip") <= 2**23


def test_a_zip_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the number of files, and by the size of the central directory before it is read into memory."""
    (tmp_path / "in.zip").write_bytes(packed(*[file(str(number)) for number in range(20)]))
    monkeypatch.setattr(archives, "FILES_AT_MOST", 10)
    with pytest.raises(ArchiveError, match="20 files"):
        archives.unpack(tmp_path / "in.zip", tmp_path / "src")
    monkeypatch.setattr(archives, "DIRECTORY_BYTES", 100)
    with pytest.raises(ArchiveError, match="directory has"):
        archives.unpack(tmp_path / "in.zip", tmp_path / "src")


OUT: dict[str, Files] = {
    "this machine's file": Files(files=("/etc/passwd",)),
    "this machine's folder": Files(files=("/etc/**/*",)),
    "this machine's folder as base": Files(files=("**/*",), base="/etc"),
    "a file above the build's folder": Files(files=("../../victim",)),
    "files above the build's folder": Files(files=("../../*",)),
    "a base above the build's folder": Files(files=("*",), base="../.."),
    "a base that is a pattern above": Files(files=("*",), base="../../*"),
    "a pattern for a base from the root": Files(files=("*",), base="/et*"),
    "a link to this machine's file": Files(files=("leak",)),
    "a link that a pattern finds": Files(files=("lea*",)),
    "everything below a link": Files(files=("etc/*",)),
    "everything below a linked base": Files(files=("passwd",), base="etc"),
    "a link kept as a link": Files(files=("leak",), symlinks=True),
}


@pytest.mark.parametrize("case", OUT)
def test_no_artifact_and_no_report_is(tmp_path: Path, case: str) -> None:
    """Only files in a build's folder count; the local cloud does not follow links out of it."""
    root = tmp_path / "build" / "src"
    root.mkdir(parents=True)
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    (root / "own").write_text("x")
    (root / "leak").symlink_to(tmp_path / "victim")
    (root / "etc").symlink_to("/etc")
    with pytest.raises(ArchiveError):
        archives.matching(root, OUT[case])


def test_a_pipe_among_the_artifacts_is_left_out(tmp_path: Path) -> None:
    """Reading it would block forever."""
    root = tmp_path / "build" / "src"
    root.mkdir(parents=True)
    os.mkfifo(root / "pipe")
    (root / "link").symlink_to("pipe")
    (root / "own").write_text("x")
    archives.pack(archives.matching(root, Files(files=("**/*", "link"))), tmp_path / "out.zip", symlinks=False)
    assert zipfile.ZipFile(tmp_path / "out.zip").namelist() == ["own"]


LAUGHS = '<!DOCTYPE a [<!ENTITY a "lol">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
)
REPORTS: dict[str, tuple[str, str]] = {
    "entities that explode": (f"{LAUGHS}]><testsuite name='&j;'/>", "entities"),
    "an entity from this machine": (
        '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite>&a;</testsuite>', "entities"),
    "tags nested deeply": ("<testsuite>" * 200_000, "nested"),
    "no XML": ("{}", "no"),
    "another document": ("<html/>", "JUnit"),
    "more than 16 MiB": ("<testsuite>" + " " * 2**24 + "</testsuite>", "16777216 at most"),
}  # fmt: skip


@pytest.mark.parametrize("case", REPORTS)
def test_a_report_is_refused_that_is_or_has(tmp_path: Path, case: str) -> None:
    """Immediately, and without reading any other file."""
    text, words = REPORTS[case]
    (tmp_path / "report.xml").write_text(text)
    with pytest.raises(ReportError) as caught:
        report_files.read("JUNITXML", [(tmp_path / "report.xml", "report.xml")])
    assert words in str(caught.value)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999", "9" * 5000, "1_0", "x", "²"])
def test_odd_numbers_in_reports_count_as_nothing(tmp_path: Path, number: str) -> None:
    """Invalid durations and coverage are 0, and the report is stored."""
    (tmp_path / "j.xml").write_text(f'<testsuite><testcase name="a" time="{number}"/></testsuite>')
    cases = report_files.read("JUNITXML", [(tmp_path / "j.xml", "j.xml")]).cases
    assert [row["durationInNanoSeconds"] for row in cases] in ([0], [10 * 10**9])
    line = f'<line number="1" hits="{number}" condition-coverage="50% ({number}/{number})"/>'
    (tmp_path / "c.xml").write_text(f'<coverage><class filename="a"><lines>{line}</lines></class></coverage>')
    report_files.read("COBERTURAXML", [(tmp_path / "c.xml", "c.xml")])


BOMB = "\n".join(
    [
        "a0: &a0 [x, x, x, x, x, x, x, x, x, x]",
        *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)),
    ]
)
GOOD = "version: 0.2\nphases: {build: {commands: [a]}}\n"
SPECS: dict[str, tuple[str, str]] = {
    "aliases that explode": (BOMB, "nodes"),
    "an alias of itself": ("version: 0.2\nphases: &p {build: *p}", "recursive"),
    "lists nested deeply": ("version: " + "[" * 500, "nested"),
    "lists nested too deeply": ("version: " + "[" * 30 + "]" * 30, "levels"),
    "a tag of Python's": ("version: 0.2\nphases: !!python/object/apply:os.system ['touch x']", "mapping"),
    "a variable with a line end": (GOOD + 'env: {variables: {"A\\n": x}}', "name"),
    "an exported file": (GOOD + "env: {exported-variables: [../../x]}", "name"),
    "a base that is a list": (GOOD + "artifacts: {files: [a], base-directory: [b]}", "text"),
    "a name that is a list": (GOOD + "artifacts: {files: [a], name: {b: c}}", "text"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPECS)
def test_a_buildspec_is_refused_that_is_or_has(case: str) -> None:
    """Immediately, with the reason."""
    text, words = SPECS[case]
    with pytest.raises(BuildspecError) as caught:
        buildspec.parse(text)
    assert words in str(caught.value)


@pytest.mark.local
def test_a_build_fails_cleanly_on_a_hostile_source(cloud: Cloud) -> None:
    """In DOWNLOAD_SOURCE, with the reason; no command runs, no file outside is touched, no traceback is logged."""
    shop, attacker = Workshop(cloud), Attacker(cloud)
    before = attacker.inside().count("Traceback")
    spec = "version: 0.2\nphases: {build: {commands: [echo never]}}\n"
    for number, case in enumerate(("a file above", "a link through a link", "a broken stream", "an encrypted file")):
        shop.s3.put_object(Bucket=BUCKET, Key=f"hostile-{number}", Body=ZIPS[case][0]())
        source = {"type": "S3", "location": f"{BUCKET}/hostile-{number}", "buildspec": spec}
        shop.project("hostile-source", source=source)
        build = shop.run("hostile-source")
        assert (build["buildStatus"], build["currentPhase"]) == ("FAILED", "COMPLETED")
        assert ZIPS[case][1] in context(build, "DOWNLOAD_SOURCE")[1], build["phases"]
        assert "never" not in shop.text(build)
    assert attacker.inside().count("Traceback") == before


@pytest.mark.local
def test_a_build_cannot_have_this_machines_files_collected(cloud: Cloud, tmp_path: Path) -> None:
    """Not as an artifact, exported variable or report; nor can its links make the local cloud write elsewhere."""
    shop, attacker = Workshop(cloud), Attacker(cloud)
    secret = tmp_path / "secret"
    secret.write_text("hunter2hunter2")
    before = attacker.inside().count("Traceback")
    commands = [
        f"ln -s {secret} leak",
        f"rm -f $CODEBUILD_SRC_DIR/../agent/exported/LEAK; ln -s {secret} $CODEBUILD_SRC_DIR/../agent/exported/LEAK",
        f"ln -s {secret} $CODEBUILD_SRC_DIR/../artifact.zip",
        "echo x > own",
    ]
    env = "env: {exported-variables: [LEAK]}\n"
    spec = "version: 0.2\n{}phases: {{build: {{commands: {}}}}}\nartifacts: {{files: ['{}']}}\n"
    artifacts = {"type": "S3", "location": BUCKET, "name": "hostile.zip", "packaging": "ZIP"}
    for wanted, status in (("leak", "FAILED"), (str(secret), "FAILED"), ("own", "SUCCEEDED")):
        text = spec.format(env, commands, wanted)
        shop.project("hostile-artifact", source={"type": "NO_SOURCE", "buildspec": text}, artifacts=artifacts)
        build = shop.run("hostile-artifact")
        assert build["buildStatus"] == status, shop.text(build)
        assert "hunter2" not in str(build) + shop.text(build)
        if status == "FAILED":
            assert "outside of the build's folder" in context(build, "UPLOAD_ARTIFACTS")[1]
    assert shop.archive("hostile.zip").namelist() == ["own"]
    assert secret.read_text() == "hunter2hunter2"
    assert attacker.inside().count("Traceback") == before
