"""The time limits of a release, which have to fit into one another, added up in one place.

A deployment of a service (ECS developer guide, "Rolling updates": with 100 to 200 percent all new tasks start at once)
takes, from UpdateService to the end of the old tasks:

    START_SECONDS                   Fargate places the tasks, pulls the image and starts it
    + grace_period                  how long the application may take (ECS CreateService, healthCheckGracePeriodSeconds)
    + interval x threshold          until the load balancer counts a target as healthy (ELBv2 CreateTargetGroup)
    + deregistration_delay          until the old target is drained (ELBv2 ModifyTargetGroupAttributes)
    + stop_timeout                  from SIGTERM to SIGKILL (ECS ContainerDefinition, stopTimeout)
    + canary                        for which a share of the requests goes to the new tasks (ECS CanaryConfiguration,
                                    canaryBakeTimeInMinutes)
    + bake_time                     with a rollback alarm: its periods and one more (ECS guide, "How CloudWatch alarms
                                    detect Amazon ECS deployment failures": computed from the alarms, below 5 minutes;
                                    with a canary as declared: DeploymentConfiguration, bakeTimeInMinutes)

It has to end within ROLLOUT_SECONDS, and the way back, which is another one, within BACK_SECONDS, the shorter of both.
By a canary the way back has no share of the requests first and no bake time.

A step of the pipeline has STEP_MINUTES (CodeBuild CreateProject, timeoutInMinutes; CodeBuild kills what takes longer,
which then puts nothing back). The longest deploy takes INSTALL_SECONDS + `deploy_seconds()`, and the longest acceptance
or smoke test INSTALL_SECONDS + SUITES_SECONDS + `put_back_seconds()`.

A release waits for its approval at most `approval_minutes`. What it needs then lies in the pipeline's artifacts: they
have to be kept for that time and RELEASE_DAYS, in which all other steps end (six of STEP_MINUTES and the waits between
them). S3 expires objects at the midnight (UTC) after their age, never before it (S3 user guide, "Expiring objects").
"""

from __future__ import annotations

START_SECONDS = 120
"""An estimate, since AWS gives no limit: most of it is the image's size."""
ROLLOUT_SECONDS = 15 * 60
BACK_SECONDS = 11 * 60
OTHERS_SECONDS = 120
"""How long a deploy waits for a deployment that someone else began, before it takes it over."""
PROOF_SECONDS = 30
STEP_MINUTES = 60
INSTALL_SECONDS = 5 * 60
"""Until a step's own command begins: the build's start, the source and the packages of `delivery`."""
SUITES_SECONDS = 30 * 60
"""The acceptance suites of all services together, in the pipeline."""
ALARM_SECONDS = 60
"""The period of the alarm that rolls a deployment back."""
RELEASE_DAYS = 1
MINUTES_A_DAY = 24 * 60


def service_seconds(  # noqa: PLR0913 - the keys that add up
    *,
    grace_period: int,
    interval: int,
    threshold: int,
    deregistration_delay: int,
    stop_timeout: int,
    bake_time: int = 0,
    canary: int = 0,
) -> int:
    """Return how long the deployment of a service may take, in seconds."""
    until_healthy = START_SECONDS + grace_period + interval * threshold
    return until_healthy + canary + bake_time + deregistration_delay + stop_timeout


def bake_minutes(minutes: int) -> int:
    """Return for how many minutes a canary with an alarm of so many minutes is watched once it gets all requests."""
    return bake_seconds(minutes) // 60


def bake_seconds(minutes: int) -> int:
    """Return how long ECS goes on watching an alarm of so many minutes once the new tasks run, in seconds."""
    return (minutes + 1) * ALARM_SECONDS


def deploy_seconds() -> int:
    """Return how long a deploy may take: the rollout, ECS's way back, ours, and a forced one, with their proofs.

    What someone else began is waited for twice: with a canary it is then rolled back, rather than taken over.
    """
    return 2 * OTHERS_SECONDS + ROLLOUT_SECONDS + PROOF_SECONDS + BACK_SECONDS + put_back_seconds()


def put_back_seconds() -> int:
    """Return how long it may take to put back what is rolled out: once, and by force if that is not right."""
    return 2 * (BACK_SECONDS + PROOF_SECONDS)


def artifact_days(approval_minutes: int) -> int:
    """Return how many days artifacts have to be kept for a release that waits so long for its approval."""
    return RELEASE_DAYS - (-approval_minutes // MINUTES_A_DAY)
