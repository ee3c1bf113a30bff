"""The failing step of an image build, parsed from recorded outputs of Docker's builders and of Compose."""

from __future__ import annotations

from pathlib import Path

import pytest

import buildlog
from buildlog import failing_step

RECORDED = Path(__file__).resolve().parent / "builds"
"""Recordings by builder and fault, with the URLs of package indexes replaced."""
RUN = {
    "missing": "RUN /opt/venv/bin/pip install --quiet slipway-has-no-such-package==1.0",
    "hash": "RUN python3 -m venv /opt/venv && /opt/venv/bin/pip install --quiet --require-hashes -r requirements.txt",
    "apt": "RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends slipway-has-no-such-package "
    ">/dev/null",
    "disk": "RUN head -c 100M /dev/zero >/dev/shm/layer",
    "unit": "RUN /opt/venv/bin/python -m pytest test_colours.py",
    "copy": "COPY requirements.txt ./",
}
REASON = {
    "missing": "ERROR: Could not find a version that satisfies the requirement slipway-has-no-such-package==1.0",
    "hash": "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
    "apt": "E: Unable to locate package slipway-has-no-such-package",
    "disk": "head: error writing 'standard output': No space left on device",
    "unit": "FAILED test_colours.py::test_that_is_broken - AssertionError: assert 'blue' =...",
    "copy": "not found",
    "syntax": "unknown instruction: RUNN",
}
STAGE = {"unit": "test", "apt": "acceptance"}
OUTPUTS = [f"{path.parent.name}/{path.stem}" for path in sorted(RECORDED.glob("*/*.txt"))]


def recorded(output: str) -> str:
    """Return a recorded output by builder and fault."""
    return (RECORDED / f"{output}.txt").read_text("utf-8")


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_failing_step_and_its_reason_are_found(output: str) -> None:
    """For every kind of failure and every builder; the step has the builder's name for it."""
    builder, _, fault = output.partition("/")
    step = failing_step(recorded(output))
    assert step is not None
    assert REASON[fault] in step.reason
    if fault == "syntax":
        assert step.name == "Dockerfile, line 6"
    elif "buildkit" in builder:
        stage = STAGE.get(fault, "dev")
        assert step.name.startswith(f"[{stage} ") or f" {stage} " in step.name
        assert step.name.endswith(f"] {RUN[fault]}")
    else:
        assert step.name.startswith("Step ")
        assert step.name.endswith(f" : {RUN[fault]}")


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_lines_are_the_steps_own(output: str) -> None:
    """At most fifteen lines, without escape sequences, other steps' lines and the builder's own messages."""
    step = failing_step(recorded(output))
    assert step is not None
    assert 1 <= len(step.lines) <= buildlog.MOST_LINES
    assert not [line for line in step.lines if "\x1b" in line or line.startswith(("#", " --->", "Removing", "Step "))]
    assert "non-zero code" not in step.text()
    assert "exit code" not in step.text()
    assert step.text().splitlines()[0] == f"the step that failed: {step.name}"
    assert "\n" not in step.line


@pytest.mark.parametrize("builder", ["older", "buildkit-0.8"])
def test_the_output_of_tests_around_a_build_does_not_hide_it(builder: str) -> None:
    """bin/test writes both; a later successful build does not hide it either."""
    succeeded = "Step 1/1 : FROM scratch\n ---> 1\nSuccessfully built 1\n"
    if builder != "older":
        succeeded = "\n#1 [internal] load metadata\n#1 DONE 0.1s\n\n#9 [other 1/1] RUN true\n#9 0.1 yes\n#9 DONE 0.2s\n"
    around = f"== tests ==\n{recorded(f'{builder}/unit')}bin/test: once more\n{succeeded}1 failed\n"
    assert failing_step(around) == failing_step(recorded(f"{builder}/unit"))


@pytest.mark.parametrize(
    "output",
    [
        "",
        "== 1 failed, 3 passed ==\nbin/test: integration tests failed",
        "Step 1/1 : FROM scratch\n ---> 1\nSuccessfully built 1\n== 1 failed ==",
        "#1 [internal] load metadata\n#1 DONE 0.1s\n\n#2 importing cache manifest from x\n#2 ERROR: not found\n",
    ],
    ids=["nothing", "no build", "a build that succeeded", "a cache that is not there"],
)
def test_where_no_build_failed_no_step_is_made_up(output: str) -> None:
    """The failing command's own output is the message then."""
    assert failing_step(output) is None


def test_steps_that_are_built_side_by_side_are_told_apart() -> None:
    """BuildKit interleaves the output of concurrent steps; a cancelled step is not a failed one."""
    output = (
        "\n#5 [a 1/1] RUN one\n#5 0.1 first of one\n#5 ...\n\n#6 [b 1/1] RUN two\n#6 0.2 of two\n#6 ...\n"
        "\n#5 [a 1/1] RUN one\n#5 0.3 second of one\n#5 ERROR: exit code: 1\n\n#6 [b 1/1] RUN two\n#6 CANCELED\n"
    )
    step = failing_step(output)
    assert step is not None
    assert (step.name, step.lines) == ("[a 1/1] RUN one", ("first of one", "second of one"))


def test_a_number_may_be_another_step_in_a_later_build() -> None:
    """Two builds in one output use the same step numbers."""
    builds = [
        f"\n#5 [a 1/1] RUN {name}\n#5 0.1 of {name}\n#5 {end}\n" for name, end in (("x", "DONE"), ("y", "ERROR: e"))
    ]
    step = failing_step("".join(builds))
    assert step is not None
    assert (step.name, step.lines) == ("[a 1/1] RUN y", ("of y",))


def test_what_cannot_be_solved_before_a_step_is_told_by_the_builders_message() -> None:
    """For example a target that is not in the Dockerfile."""
    step = failing_step('#1 DONE 0.1s\nERROR: failed to build: failed to solve: target stage "x" could not be found\n')
    assert step is not None
    assert step.line == 'Dockerfile: target stage "x" could not be found'


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            ("npm error code E404", "npm error 404 Not Found - GET x", "npm error 404"),
            "npm error 404 Not Found - GET x",
        ),
        (("a.c:1: warning", "make: *** [all] Error 1"), "make: *** [all] Error 1"),
        ((), ""),
    ],
)
def test_the_reason_is_the_line_that_a_tool_marks_or_its_last_one(lines: tuple[str, ...], reason: str) -> None:
    """For npm it is more than the error code."""
    assert buildlog.FailingStep("RUN x", lines).reason == reason


def test_a_line_that_is_too_long_is_cut_in_a_message_only() -> None:
    """If a step's name is a whole script, its beginning suffices."""
    step = failing_step(f"\n#1 [a 1/1] RUN {'x' * 500}\n#1 0.1 {'y' * 500}\n#1 ERROR: z\n")
    assert step is not None
    assert len(step.line) == 2 * buildlog.WIDTH + len(": ")
    assert "x" * 500 in step.text()
    assert "y" * 500 in step.text()
