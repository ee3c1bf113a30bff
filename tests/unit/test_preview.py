"""The parser of recorded outputs of `pulumi preview`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from delivery.errors import DeliveryError
from delivery.previews import comment_text, property_values, pulumi_events, stack_previews
from delivery.previews.stack_previews import Change, StackPreview

RECORDED = Path(__file__).parent / "previews"
SECRET = {property_values.SIGNATURE: property_values.SECRET_SIGNATURE, "ciphertext": "[secret]"}
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
URN = "urn:pulumi:staging::slipway::slipway:infra:Task$aws:ecs/taskDefinition:TaskDefinition::web"
GOOD = {"summaryEvent": {"result": "succeeded"}}


def recorded(name: str, code: int = 0) -> StackPreview:
    """Return the parsed preview of a recording."""
    return pulumi_events.read("staging", (RECORDED / name).read_text("utf-8"), "", code)


def told(*events: dict[str, Any], complaints: str = "", code: int = 0, secrets: tuple[str, ...] = ()) -> StackPreview:
    """Return the parsed preview of events."""
    written = "\n".join(json.dumps(event) for event in events)
    return pulumi_events.read("staging", written, complaints, code, secrets)


def step(operation: str, **metadata: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the event of a step."""
    return {"resourcePreEvent": {"metadata": {"op": operation, "urn": URN, **metadata}}}


def lines(preview: StackPreview, name: str) -> tuple[str, ...]:
    """Return the lines of the first change to a resource of this name."""
    return next(change.lines for change in preview.changes if change.name == name)


def test_a_recorded_preview_gives_each_resource_once_the_gravest_first() -> None:
    """A replacement has three steps, but is one change."""
    found = recorded("change.jsonl")
    assert not found.failed
    assert [change.operation for change in found.changes] == sorted(
        (change.operation for change in found.changes), key=stack_previews.OPERATIONS.index
    )
    assert {kind: found.count(kind) for kind in stack_previews.OPERATIONS} == {
        "delete": 1, "replace": 1, "create": 1, "update": 3, "import": 0,
    }  # fmt: skip
    replaced = next(change for change in found.changes if change.operation == "replace")
    assert (replaced.name, replaced.reasons) == ("staging-web-template", ("containerDefinitions", "cpu", "memory"))
    assert found.unchanged == 1


def test_a_step_that_is_a_part_of_a_replacement_is_one_even_alone() -> None:
    """For example the rest of an interrupted update."""
    assert told(step("create-replacement"), GOOD).count("replace") == 1


def test_a_changed_property_is_shown_with_both_values_and_what_it_forces() -> None:
    """JSON in strings is parsed, and list items with a name are compared by name."""
    found = lines(recorded("change.jsonl"), "staging-web-template")
    assert '~ cpu: "256" -> "512"  # forces replacement' in found
    assert any(line.startswith("+ containerDefinitions.web.environment.GREETING: ") for line in found)
    assert not any("mountPoints" in line for line in found), "what AWS adds is no change of ours"


def test_a_created_resource_shows_its_properties_but_no_secret() -> None:
    """Pulumi's markers of secrets and of unknown values are replaced by words."""
    found = " ".join(lines(recorded("change.jsonl"), "api"))
    assert '"password": "[secret]"' in found
    assert property_values.UNKNOWN in found
    assert property_values.SIGNATURE not in found
    assert "ciphertext" not in found


def test_an_error_of_the_program_is_kept_with_its_last_line() -> None:
    """The last line of a traceback is the message."""
    found = recorded("crash.jsonl", code=1)
    assert found.failed
    assert found.errors[0].startswith("error: Program failed")
    assert found.errors[0].endswith("NameError: name 'raise_me' is not defined")


@pytest.mark.parametrize(
    ("written", "complaints", "wanted"),
    [
        ("", "error: no stack named 'prod' found\n", "error: no stack named 'prod' found"),
        ("", "", pulumi_events.NO_EVENTS),
        ('{\n  "steps": [],\n  "changeSummary": {}\n}\n', "", '"steps"'),
        ('{"summaryEvent": {"result": "fai', "", '{"summaryEvent": {"result": "fai'),
        ("[" * 100000, "error: odd", "error: odd"),
        ('{"diagnosticEvent": 7}\n{"resourcePreEvent": {"metadata": null}}\nnull\n', "", "null"),
    ],
    ids=["refused before it began", "silent", "one document", "cut short", "deep", "other shapes"],
)
def test_a_preview_without_an_end_has_failed_and_says_what_there_is(written: str, complaints: str, wanted: str) -> None:
    """No output is ever taken for "no changes"."""
    found = pulumi_events.read("prod", written, complaints, 0 if written else 255)
    assert found.failed
    assert wanted in "\n".join(found.errors)


@pytest.mark.parametrize(("code", "result"), [(1, "succeeded"), (0, "failed")])
def test_an_exit_code_or_a_result_that_says_failed_is_a_failure(code: int, result: str) -> None:
    """Either suffices."""
    assert told({"summaryEvent": {"result": result}}, code=code).failed


def test_what_the_program_prints_between_the_events_does_no_harm() -> None:
    """Plugins and the program write to the same stream."""
    written = f"hello\n{json.dumps(step('update', diffs=['a']))}\n\nWARNING x\n{json.dumps(GOOD)}\n"
    found = pulumi_events.read("staging", written, "warning: old version\n", 0)
    assert (found.failed, found.count("update"), found.errors) == (False, 1, ())


def test_a_policy_that_was_broken_is_told_with_its_level_and_resource() -> None:
    """Pulumi's single-document output omits policies."""
    event = {
        "resourceUrn": URN, "message": "<{%fg 1%}>no public bucket\n", "policyName": "no-public",
        "policyPackName": "slipway", "enforcementLevel": "mandatory",
    }  # fmt: skip
    found = told({"policyEvent": event}, GOOD, code=1)
    assert found.policies == ("mandatory: slipway/no-public: web: no public bucket",)


def test_a_recorded_refusal_by_a_policy_pack_says_which_policy_and_what_of() -> None:
    """Pulumi's error only states that the preview failed."""
    found = recorded("policy.jsonl", code=1)
    assert (found.failed, found.errors) == (True, ("error: preview failed",))
    assert found.policies == ("mandatory: pack/no-z: thing: d\nno Z please",)
    assert "- policy `mandatory: pack/no-z: thing: d no Z please`" in comment_text.comment(
        [found], comment_text.About(commit="")
    )


def test_warnings_are_kept_and_debug_messages_are_not() -> None:
    """Each with its resource."""
    events = [
        {"diagnosticEvent": {"severity": severity, "message": f"a {severity}", "urn": URN}}
        for severity in ("debug", "info", "warning")
    ]
    assert told(*events, GOOD).warnings == ("web: a warning",)


def test_a_secret_of_the_environment_is_hidden_wherever_it_appears() -> None:
    """A program may print secrets by mistake."""
    message = {"severity": "error", "message": "login with hunter2-hunter2 failed"}
    new = {"inputs": {"url": "https://x:hunter2-hunter2@y"}}
    found = told({"diagnosticEvent": message}, step("create", new=new), GOOD, secrets=("hunter2-hunter2",))
    assert "hunter2" not in repr(found)
    assert "login with [secret] failed" in found.errors


def test_secrets_of_the_environment_are_known_by_their_names(tmp_path: Path) -> None:
    """Except values that are too short to search for, and paths of files that contain a secret."""
    found = pulumi_events.secrets_of({
        "GITHUB_TOKEN": "ghs_0123456789", "AWS_SECRET_ACCESS_KEY": "wJalrXUtn",
        "PULUMI_CONFIG_PASSPHRASE": "pass phrase",
        "AWS_REGION": "eu-central-1", "MY_TOKEN": "short", "PULUMI_CONFIG_PASSPHRASE_FILE": str(tmp_path),
    })  # fmt: skip
    assert found == ["ghs_0123456789", "wJalrXUtn", "pass phrase"]


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        (1, 2, ["~ p: 1 -> 2"]),
        (property_values.MISSING, "a", ['+ p: "a"']),
        ("a", property_values.MISSING, ['- p: "a"']),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, ["~ p.b: 2 -> 3"]),
        ([1, 2], [1, 3, 4], ["~ p[1]: 2 -> 3", "+ p[2]: 4"]),
        ('{"a": [1]}', '{"a": [2]}', ["~ p.a[0]: 1 -> 2"]),
        ("{not json", "{not json either", ['~ p: "{not json" -> "{not json either"']),
        ([{"name": "x", "value": "1"}], [{"name": "n", "value": "0"}, {"name": "x", "value": "1"}], ['+ p.n: "0"']),
        (SECRET, SECRET, ['~ p: "[secret]" -> "[secret]"']),
        ("a", UNKNOWN, ['~ p: "a" -> "[known after up]"']),
    ],
)
def test_two_values_differ_in_lines(old: Any, new: Any, wanted: list[str]) -> None:  # noqa: ANN401
    """Only the parts that differ are shown."""
    marked = [value if value is property_values.MISSING else property_values.plain(value) for value in (old, new)]
    assert list(property_values.differences("p", *marked)) == wanted


def test_of_two_long_texts_the_place_where_they_differ_is_shown() -> None:
    """The common beginning is omitted."""
    (line,) = property_values.differences("p", "x" * 5000 + "a", "x" * 5000 + "b")
    assert line.endswith('xa" -> ... "' + "x" * property_values.BEFORE + 'b"')
    assert len(line) < 4 * property_values.BEFORE


@pytest.mark.parametrize(
    ("path", "wanted"),
    [("a.b[1]", 2), ('a["c.d"]', 3), ("a.x", property_values.MISSING), ("a.b[9]", property_values.MISSING)],
)
def test_a_property_path_is_followed(path: str, wanted: Any) -> None:  # noqa: ANN401
    """In Pulumi's syntax: dots, indices, quoted keys."""
    assert property_values.get({"a": {"b": [1, 2], "c.d": 3}}, path) == wanted


def test_drift_shows_what_there_is_against_what_is_asked_for() -> None:
    """The program's inputs are unchanged; the provider has read other values."""
    diff = {"count": {"diffKind": "update", "inputDiff": False}}
    one = {"inputs": {"count": 1}, "outputs": {"count": 5}}
    (change,) = told(step("update", detailedDiff=diff, old=one, new={"inputs": {"count": 1}}), GOOD).changes
    assert change.lines == ("~ count: 5 -> 1",)


def test_previews_survive_the_file_between_two_jobs(tmp_path: Path) -> None:
    """The second job shows the previews that the first one saved."""
    both = [recorded("change.jsonl"), recorded("crash.jsonl", code=1)]
    stack_previews.save(tmp_path / "f", both)
    assert stack_previews.load(tmp_path / "f") == both


NONE: dict[str, Any] = {"stack": "a", "failed": False, "unchanged": 0, "errors": [], "warnings": [], "policies": []}
ODD = {"operation": "x", "kind": "", "name": "", "reasons": [], "lines": []}


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"previews": 1}', '{"previews": [{"stack": 1}]}', '{"previews": [[]]}', "[" * 100000, "\xff",
        json.dumps({"previews": [NONE | {"changes": [], "failed": 0}]}),
        json.dumps({"previews": [NONE | {"changes": [ODD]}]}),
        json.dumps({"previews": [NONE | {"changes": [ODD | {"operation": []}]}]}),
    ],
)  # fmt: skip
def test_a_file_that_is_no_preview_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    """The reviewed code writes it, so that it may contain anything."""
    (tmp_path / "f").write_text(text, "latin-1")
    with pytest.raises(DeliveryError, match="holds no preview") as refused:
        stack_previews.load(tmp_path / "f")
    assert "\n" not in str(refused.value)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    """It would exhaust memory."""
    with (tmp_path / "f").open("wb") as stream:
        stream.truncate(stack_previews.LARGEST_BYTES + 1)
    with pytest.raises(DeliveryError, match="more than"):
        stack_previews.load(tmp_path / "f")


def test_a_line_of_progress_says_what_happens_to_a_stack() -> None:
    """It shows the progress to the user."""
    change = Change(operation="replace", kind="k", name="n")
    none = StackPreview(stack="s", failed=False)
    assert comment_text.summary(none) == "no changes"
    assert comment_text.summary(StackPreview(stack="s", failed=False, changes=(change,))) == "+-1 replace"
    assert comment_text.summary(StackPreview(stack="s", failed=True)) == "failed"
