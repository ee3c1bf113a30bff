"""Reasons of failed tasks in words, with what to change."""

from __future__ import annotations

import pytest

from diagnosis.reasons import Context, explain

ABOUT = Context(port=5000, health_path="/ready", memory="512")
EXITED = "Essential container in task exited"
INITIALIZATION = "ResourceInitializationError: unable to pull secrets or registry auth"
CASES = [
    (
        (EXITED, 1, ("Traceback", "OSError: [Errno 30] Read-only file system: '/srv/logs/app.log'")),
        ("'/srv/logs/app.log' is on a read-only file system", "add /srv/logs to writable"),
    ),
    (
        (EXITED, 1, ('nginx: [emerg] mkdir() "/var/cache/nginx/client_temp" failed (30: Read-only file system)',)),
        ("'/var/cache/nginx/client_temp' is on a read-only file system", "add /var/cache/nginx to writable"),
    ),
    (
        (EXITED, 3, ("OSError: [Errno 30] Read-only file system: 'hello.log'", "Worker failed to boot.")),
        ("'hello.log' is on a read-only file system", "add its directory to writable"),
    ),
    ((EXITED, 1, ("EROFS: read-only file system, mkdir 'x'",)), ("a read-only file system", "read_only: false")),
    (
        ("CannotPullContainerError: pull image manifest has been retried 1 time(s): not found", None, ()),
        ("the image cannot be pulled", "cpu_architecture"),
    ),
    (
        (INITIALIZATION, None, ()),
        ("a secret or the log group cannot be reached", "secrets"),
    ),
    (
        (f"{INITIALIZATION}: api error AccessDeniedException: Access to KMS is not allowed", None, ()),
        ("encrypted by a key that the execution role may not use", "kms_keys"),
    ),
    (
        (f"{INITIALIZATION}: User: x is not authorized to perform: kms:Decrypt on resource: y because z", None, ()),
        ("encrypted by a key that the execution role may not use", "kms_keys"),
    ),
    (
        (f"{EXITED} OutOfMemoryError: Container killed due to memory usage", 137, ("loading",)),
        ("it needed more than its memory of 512 MiB", "raise memory"),
    ),
    (('CannotStartContainerError: exec: "x": not found', None, ()), ("cannot be started", "entry_point")),
    ((EXITED, 1, ("exec /srv/app: exec format error",)), ("another CPU architecture", "cpu_architecture")),
    (
        ("Task failed ELB health checks: Health checks failed with these codes: [404]", None, ("GET /ready 404",)),
        ("its health check /ready answered 404", "health_check.status to 404"),
    ),
    (
        ("Task failed ELB health checks: Health checks failed with these codes: [400]", None, ("Invalid HTTP_HOST",)),
        ("its health check /ready answered 400", "ECS_CONTAINER_METADATA_URI_V4"),
    ),
    (
        ("Task failed ELB health checks: port 5000 is unhealthy due to Request timed out", None, ()),
        ("it never answered /ready on port 5000", "PORT=5000"),
    ),
    (
        (EXITED, 1, ("bind() to 0.0.0.0:80 failed (13: Permission denied)",)),
        ("it may not listen on its port", "1024"),
    ),
    ((EXITED, 1, ("PermissionError: [Errno 13] Permission denied: '/data/x'",)), ("'/data/x'", "set user")),
    ((EXITED, 127, ()), ("exit code 127: its command does not exist", "it wrote nothing")),
    ((EXITED, 0, ("done",)), ("exit code 0", "has to run until it is stopped")),
    ((EXITED, 3, ("KeyError: 'SECRET'",)), ("exit code 3", "its last lines say why")),
    (("Capacity is unavailable at this time", None, ()), ("AWS has no capacity", "turn spot off")),
    (("", None, ()), ("ECS tells no reason", "")),
]


@pytest.mark.parametrize(("failure", "expected"), CASES)
def test_a_reason_says_what_happened_and_which_key_to_change(
    failure: tuple[str, int | None, tuple[str, ...]], expected: tuple[str, str]
) -> None:
    """By ECS's reason, the exit code, or what the program wrote last."""
    text, remedy = explain(*failure, ABOUT)
    assert expected[0] in text
    assert expected[1] in remedy


def test_permission_denied_in_the_log_of_a_program_that_runs_is_not_the_reason() -> None:
    """It has not ended for that."""
    text, _ = explain("Task failed ELB health checks: Request timed out", None, ("permission denied: /x",), ABOUT)
    assert text == "it never answered /ready on port 5000"
