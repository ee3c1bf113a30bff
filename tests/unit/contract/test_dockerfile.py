"""What is read of a Dockerfile: stages, ports, users and commands."""

from __future__ import annotations

from contract.dockerfile import LAST, Dockerfile, Stage, parse


def read(text: str, **build_args: str) -> Dockerfile:
    """Return what a text declares."""
    found = parse(text, build_args)
    assert found is not None
    return found


def last(text: str, **build_args: str) -> Stage:
    """Return the last stage of a text."""
    return read(text, **build_args).stages[-1]


def words(stage: Stage) -> list[str] | None:
    """Return a stage's command line, None if only the base image has one."""
    known = stage.entry_point is not None or stage.command is not None
    return [*(stage.entry_point or []), *(stage.command or [])] if known else None


def test_a_text_without_from_is_no_dockerfile() -> None:
    """An empty file, or one with comments only."""
    assert parse("# nothing\nARG A=1\n", {}) is None


def test_stages_are_found_by_name_in_any_case_and_the_last_without_one() -> None:
    """As `docker build --target` does."""
    found = read("FROM a AS Build\nFROM --platform=linux/amd64 b as run\nFROM c\n")
    assert found.names == ["build", "run"]
    stage = found.stage("BUILD")
    assert stage is not None
    assert stage.base == "a"
    assert found.stage(LAST) is found.stages[-1]
    assert found.stage("other") is None


def test_the_release_image_is_the_stage_of_that_name_or_else_the_last() -> None:
    """An application that knows nothing of it has one unnamed stage."""
    assert read("FROM a AS release\nFROM a AS acceptance\n").default_target() == "release"
    assert read("FROM a AS builder\nFROM b\n").default_target() == LAST


def test_ports_are_tcp_ports_with_variables_replaced() -> None:
    """Each once; UDP has no target group."""
    text = "ARG BASE=3000\nFROM a\nENV PORT=5000\nARG BASE\nEXPOSE $PORT ${PORT}/tcp 53/udp ${BASE} ${OTHER:-7000}\n"
    assert last(text).ports == [5000, 3000, 7000]
    assert last(text, BASE="4000").ports == [5000, 4000, 7000]


def test_a_stage_has_what_the_stage_has_that_it_is_based_on() -> None:
    """User, ports and command are inherited, and can be replaced."""
    text = 'FROM a AS base\nUSER app\nEXPOSE 80\nCMD ["serve"]\nFROM base\nEXPOSE 81\n'
    stage = last(text)
    assert (stage.user, stage.ports, words(stage)) == ("app", [80, 81], ["serve"])
    assert read(text).stages[0].ports == [80]


def test_an_entry_point_resets_the_command_of_the_base() -> None:
    """As Docker does."""
    stage = last('FROM a AS base\nCMD ["serve"]\nFROM base\nENTRYPOINT ["run"]\n')
    assert words(stage) == ["run"]


def test_a_command_in_shell_form_is_given_to_a_shell() -> None:
    """So is one that only looks like JSON."""
    assert words(last("FROM a\nCMD flask run  --port 1\n")) == ["/bin/sh", "-c", "flask run  --port 1"]
    assert words(last("FROM a\nCMD ['flask']\n")) == ["/bin/sh", "-c", "['flask']"]


def test_a_command_that_only_the_base_image_has_is_not_known() -> None:
    """What it is, only the registry could tell."""
    assert words(last("FROM nginx\nCOPY . /usr/share/nginx/html\n")) is None


def test_continued_lines_comments_and_here_documents_are_no_instructions() -> None:
    """A Python import in a here-document is no FROM."""
    text = "FROM a\nRUN <<EOF\nfrom flask import Flask\nEXPOSE 1\nEOF\n"
    text += 'RUN one \\\n  # why\n\n  two\nCMD ["a", \\\n  "b"]\n'
    found = read(text)
    assert len(found.stages) == 1
    assert (found.stages[0].ports, words(found.stages[0])) == ([], ["a", "b"])


def test_the_escape_character_and_windows_line_ends_are_read() -> None:
    """Of a Dockerfile from Windows."""
    assert last("# escape=`\r\nFROM a\r\nEXPOSE 80 `\r\n  81\r\n").ports == [80, 81]


def test_a_variable_of_the_older_form_is_known() -> None:
    """`ENV KEY value`."""
    assert last("FROM a\nENV PORT 5000\nEXPOSE $PORT\n").ports == [5000]
