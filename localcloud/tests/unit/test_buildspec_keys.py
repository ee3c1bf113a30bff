"""Keys of a buildspec that ask for nothing, and those that ask for something that is not served."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from localcloud.services.codebuild import build_start, buildspec, script

PLAIN = "version: 0.2\nphases: {build: {commands: [echo]}}\n"
CURATED, OWN = "aws/codebuild/standard:7.0", "example.com/build:1"


@pytest.mark.parametrize(
    "text",
    [
        "batch: {fast-fail: true, build-list: [{identifier: a}]}",
        "run-as: root",
        "proxy: {upload-artifacts: no, logs: no}",
        "proxy:",
        "env: {git-credential-helper: no}",
        "env: {shell: bash}",
        "env: {shell: /bin/sh}",
    ],
)
def test_a_key_that_asks_for_nothing_does_not_stop_a_build(text: str) -> None:
    """A build without it would be the same."""
    assert buildspec.parse(f"{PLAIN}{text}\n").phases["BUILD"].commands == ("echo",)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("run-as: nobody", "run-as nobody"),
        ("proxy: {logs: yes}", "logs yes in proxy"),
        ("proxy: {all: yes}", "unknown key all in proxy"),
        ("env: {git-credential-helper: yes}", "git-credential-helper yes"),
        ("env: {shell: powershell.exe}", "powershell.exe"),
    ],
)
def test_a_key_that_asks_for_more_is_refused_with_its_value(text: str, named: str) -> None:
    """No build succeeds by ignoring it."""
    with pytest.raises(buildspec.BuildspecError, match=named):
        buildspec.parse(f"{PLAIN}{text}\n")


def phase(more: str) -> buildspec.Buildspec:
    """Parse a buildspec whose phase has another key."""
    return buildspec.parse(PLAIN.replace("commands", f"{more}, commands"))


def test_a_phase_may_run_as_root_only() -> None:
    """Commands run as root anyway."""
    assert phase("run-as: root").phases["BUILD"].commands == ("echo",)
    with pytest.raises(buildspec.BuildspecError, match=r"run-as app in phases\.build"):
        phase("run-as: app")


@pytest.mark.parametrize("word", ["RETRY", "RETRY-2", "RETRY-.*time.*", "Retry-3-invalid+"])
def test_a_phase_that_aws_would_retry_runs_once_and_its_log_says_so(word: str) -> None:
    """A failure is final here: nothing passes that does not pass at its first attempt."""
    spec = phase(f'on-failure: "{word}"')
    assert not script.goes_on(spec, "BUILD")
    assert [f"phases.build.on-failure is {word}: " in line for line in script.unretried(spec)] == [True]


def test_an_unknown_reaction_to_a_failure_is_refused() -> None:
    """And the others have no line in the log."""
    with pytest.raises(buildspec.BuildspecError, match="on-failure RETRYING"):
        phase("on-failure: RETRYING")
    assert script.unretried(phase("on-failure: CONTINUE")) == []


def started(image: str) -> tuple[buildspec.Buildspec, list[str]]:
    """Return the buildspec of a build that wants a Python, and what its log says."""
    said: list[str] = []
    text = PLAIN.replace("{build", "{install: {runtime-versions: {python: 3.11}}, build")
    build = {"source": {"buildspec": text}, "environment": {"type": "LINUX_CONTAINER", "image": image}}
    run = SimpleNamespace(say=lambda *rows: said.extend(rows))
    return build_start.specification(build, "/src", run), said  # type: ignore[arg-type]  # as much as is used


def test_an_image_of_ones_own_skips_runtime_versions_with_awss_warning() -> None:
    """It has what it has, as have AWS's for Lambda compute; AWS's other images select a version."""
    for image in (OWN, "aws/codebuild/amazonlinux-x86_64-lambda-standard:python3.12"):
        spec, said = started(image)
        assert (spec.runtimes, said[-1]) == ({}, build_start.NO_RUNTIMES)
    spec, said = started(CURATED)
    assert spec.runtimes == {"python": "3.11"}
    assert build_start.NO_RUNTIMES not in said
