"""The doctor: each thing that would make a first run fail is found."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.unit.delivery.aws import ACCOUNT
from tests.unit.delivery.world import FIRST, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.delivery.patient import Patient


RUN = "11111111-2222-3333-4444-555555555555"


def no_tasks_wanted(patient: Patient) -> None:
    """Scale to nothing."""
    patient.world.ecs.services["staging-web"].desired = 0


def unsteady(patient: Patient) -> None:
    """Let a task be gone."""
    patient.world.ecs.tasks[0].status = "STOPPED"


def under_way(patient: Patient) -> None:
    """Let a deployment go on."""
    world = patient.world
    world.ecs.begin(world.ecs.services["staging-web"], world.arn("staging-web:1"))
    world.time.sleep(1.5)


def without_breaker(patient: Patient) -> None:
    """Turn the circuit breaker off."""
    patient.world.ecs.services["staging-web"].breaker = False


def silent(patient: Patient) -> None:
    """Let the service not answer."""
    patient.world.balancer.lies[digest_of(FIRST)] = 503


def small(patient: Patient) -> None:
    """Leave too few vCPUs."""
    patient.account.vcpus = 0.5


def pending(patient: Patient) -> None:
    """Leave the connection unfinished."""
    patient.account.connection = "PENDING"


def disconnected(patient: Patient) -> None:
    """Remove the connection."""
    patient.account.connection = ""


def no_hook(patient: Patient) -> None:
    """Start the pipeline by a webhook that is not there."""
    patient.world.pipeline.connection = ""


def broken_hook(patient: Patient) -> None:
    """Start the pipeline by a webhook that fails; another pipeline has one, too."""
    patient.world.pipeline.connection = ""
    for target, error in (("other", ""), ("slipway", "bad credentials")):
        definition = {
            "name": "hook", "targetPipeline": target, "targetAction": "Source", "filters": [],
            "authentication": "GITHUB_HMAC", "authenticationConfiguration": {},
        }  # fmt: skip
        hook = {"definition": definition, "url": "https://x", "lastTriggered": datetime(2026, 1, 1, tzinfo=UTC)}
        patient.world.pipeline.hooks.append(hook | ({"errorMessage": error} if error else {}))


def unhooked_checks(patient: Patient) -> None:
    """Take the webhook of the checks."""
    del patient.world.builds.projects["slipway-checks"]["webhook"]


def no_checks(patient: Patient) -> None:
    """Have no checks at all."""
    del patient.world.builds.projects["slipway-checks"]


def closed(patient: Patient) -> None:
    """Roll back."""
    patient.world.pipeline.closed["Production"] = "rolled back"


def waiting(patient: Patient) -> None:
    """Let a release wait."""
    patient.world.pipeline.run(RUN, "Approval", "Approve", "InProgress")
    patient.world.pipeline.tokens[RUN] = "token"


def no_builds(patient: Patient) -> None:
    """Allow no build."""
    patient.account.builds = {"Linux/Small": 0.0}


def no_pipeline(patient: Patient) -> None:
    """Have no pipeline."""
    del patient.world.parameters.values["/slipway/staging/pipeline"]


def never_up(patient: Patient) -> None:
    """Have no stack."""
    patient.world.parameters.values.clear()


def new_account(patient: Patient) -> None:
    """Have no stack, in an account that has never had a database."""
    never_up(patient)
    patient.account.lacks = {"AWSServiceRoleForRDS"}


def not_allowed(patient: Patient) -> None:
    """Deny something."""
    patient.account.denied = {"ecs:UpdateService"}


def a_role(patient: Patient) -> None:
    """Ask as a role."""
    patient.account.arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/admin/me"


def denied(patient: Patient) -> None:
    """Refuse an API."""
    patient.world.aws.fail("GetServiceQuota", "AccessDeniedException")


def unknown(patient: Patient) -> None:
    """Know nobody."""
    patient.world.aws.fail("GetCallerIdentity", "AccessDeniedException")


@pytest.mark.parametrize(
    ("change", "what", "told", "code"),
    [
        (no_tasks_wanted, "services", "fail: staging-web: 2 of 0 tasks run; set desired_count to 1 or more", 1),
        (unsteady, "services", "fail: staging-web: 1 of 2 tasks run; see: delivery logs --stack staging", 1),
        (under_way, "services", "warn: staging-web: 2 of 2 tasks run; a deployment of ", 0),
        (without_breaker, "services", "warn: staging-web: 2 of 2 tasks run; its circuit breaker is off", 0),
        (silent, "url", "fail: http://127.0.0.1", 1),
        (small, "capacity", "fail: a release needs 1 vCPU", 1),
        (denied, "capacity", "unknown: AWS refused GetServiceQuota: made up", 0),
        (pending, "pipeline", "fail: connection github is PENDING; complete it in the console", 1),
        (disconnected, "pipeline", "fail: connection arn:aws:codeconnections:eu-west-1:1:connection/x is gone", 1),
        (no_hook, "pipeline", "fail: no webhook starts the pipeline; run: pulumi up of its stack", 1),
        (broken_hook, "pipeline", "fail: webhook hook: bad credentials", 1),
        (unhooked_checks, "pipeline", "fail: project slipway-checks has no webhook", 1),
        (no_checks, "pipeline", "warn: no project tests pushes to other branches and pull requests", 0),
        (closed, "pipeline", "warn: the way into stage Production is closed (rolled back); open it", 0),
        (waiting, "pipeline", f"warn: execution {RUN} waits for approval", 0),
        (no_builds, "builds", "fail: the account may run no build on Linux/Small", 1),
        (no_pipeline, "pipeline", "warn: no pipeline deploys to this stack; releases are made by hand", 0),
        (never_up, "stack", "fail: stack 'staging' has no parameter /slipway/staging/environment", 1),
        (never_up, "roles", "ok: the service-linked roles that a first `up` needs are there", 1),
        (
            new_account,
            "roles",
            "fail: the account has no service-linked role AWSServiceRoleForRDS; run: aws iam",
            1,
        ),
        (not_allowed, "rights", "warn: not allowed for every resource: ecs:UpdateService;", 0),
        (a_role, "rights", "unknown: arn:aws:sts::", 0),
        (unknown, "account", "fail: AWS does not know you", 1),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_would_make_a_first_run_fail_is_found(
    patient: Patient, change: Callable[[Patient], None], what: str, told: str, code: int
) -> None:
    """A failure ends with 1; what cannot be asked is none."""
    change(patient)
    ended, found = patient.findings()
    assert any(line.startswith(told) for line in found[what]), found[what]
    assert ended == code
