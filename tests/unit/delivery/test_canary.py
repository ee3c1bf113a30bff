"""Releases by a canary: followed, ended by whatever fails, and proved on the target group that serves."""

from __future__ import annotations

import pytest

from delivery.deploying import canary, deploy, mover, proof, restart, revisions
from delivery.errors import DeliveryError, InterruptedDeliveryError
from tests.unit.delivery.scenarios import GOOD, NEXT, deployed, failed, roll_back
from tests.unit.delivery.world import FIRST, World


@pytest.fixture
def trying(world: World) -> World:
    """Return an environment whose service has a canary of 10 %, without a circuit breaker."""
    service = world.ecs.services["staging-web"]
    service.canary, service.breaker = 10, False
    world.parameters.values["/slipway/staging/services/web"] |= {"canary_minutes": 5, "bake_minutes": 2}
    return world


def test_a_release_is_followed_through_its_share_of_the_requests(trying: World) -> None:
    """Progress says which requests the new tasks get; the alternate target group serves then, and later the first."""
    service = trying.ecs.services["staging-web"]
    deployed(trying)
    assert trying.said("2 of 2 new tasks run; canary: 10 % of requests for 5 min")
    assert trying.said("2 of 2 new tasks run; all requests, watched for 2 min")
    assert service.weights == {"arn:group/staging-web": 0, "arn:group/staging-web-alt": 100}
    deployed(trying, NEXT)
    assert service.weights == {"arn:group/staging-web": 100, "arn:group/staging-web-alt": 0}
    assert trying.lines[-1] == f"staging: {NEXT} is deployed"


def test_tasks_that_fail_end_a_canary(trying: World) -> None:
    """ECS has no circuit breaker for it, and would start tasks for ever."""
    told = failed(trying, "web: 4 of its new tasks failed, so the canary ends", "crash")
    assert "the container ended with exit code 3" in told
    (stop,) = trying.aws.asked("StopServiceDeployment")
    assert stop["stopType"] == "ROLLBACK"
    assert len(trying.aws.asked("UpdateService")) == 1
    assert trying.ecs.services["staging-web"].weights["arn:group/staging-web"] == 100


def test_tasks_that_failed_before_do_not_end_a_canary(trying: World) -> None:
    """Of the same revision, when it was deployed earlier."""
    since = trying.ecs.when()
    with pytest.raises(DeliveryError, match="the canary ends"):
        deploy.run(trying.session, trying.release(GOOD, web="crash"))
    service, session = trying.environment.services[0], trying.session
    revision = revisions.read(session.ecs, trying.arn("staging-web:2"), "app")
    assert canary.failed_tasks(session, service, revision, since) >= 3
    assert canary.failed_tasks(session, service, revision, trying.ecs.when()) == 0


def test_an_alarm_ends_a_canary_with_its_name(trying: World) -> None:
    """ECS goes back by itself; its reason is told."""
    failed(trying, "web: Service deployment rolled back because of the CloudWatch alarm web-rollback", "alarm")
    assert trying.said("canary: 10 % of requests")
    assert not trying.aws.asked("StopServiceDeployment")


@pytest.mark.usefixtures("patient_polls")
def test_a_canary_whose_tasks_never_become_healthy_ends_at_the_time_limit(trying: World) -> None:
    """ECS is asked to roll back, on a service whose alternate target group serves."""
    deployed(trying, NEXT)
    trying.passed()
    with pytest.raises(DeliveryError, match=r"web: the rollout is IN_PROGRESS after 15 minutes; put back: web serves"):
        deploy.run(trying.session, trying.release(GOOD, web="hangs"))
    assert trying.ecs.services["staging-web"].weights["arn:group/staging-web-alt"] == 100
    assert trying.running() == "staging-web:2"


def test_an_interrupted_deploy_ends_its_canary(trying: World) -> None:
    """Nobody would end it if its tasks failed later."""
    trying.when_said["canary: 10 %"] = lambda: (_ for _ in ()).throw(KeyboardInterrupt)
    told = r"interrupted: ECS rolls back \(web to staging-web:2\), and all requests go to what served before; finish it"
    with pytest.raises(InterruptedDeliveryError, match=told):
        deployed(trying)
    trying.time.sleep(60)
    assert trying.running() == "staging-web:1"
    assert trying.ecs.services["staging-web"].share == 0


def test_an_interrupted_way_back_goes_on(trying: World) -> None:
    """Ending it would bring the bad release back."""
    deployed(trying, NEXT)
    trying.passed()
    trying.when_said["STOPPED"] = lambda: None
    trying.when_said["is ROLLBACK_REQUESTED; waiting"] = lambda: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(InterruptedDeliveryError, match="interrupted: ECS goes on by itself"):
        deploy.run(trying.session, trying.release(GOOD, web="crash"))
    assert len(trying.aws.asked("StopServiceDeployment")) == 1


def test_a_canary_that_a_killed_deploy_left_is_rolled_back_before_the_next(trying: World) -> None:
    """Rather than taken over in the middle of its share."""
    trying.when_said["canary: 10 %"] = lambda: (_ for _ in ()).throw(SystemExit)
    with pytest.raises(SystemExit):
        deployed(trying)
    deployed(trying, NEXT)
    assert trying.said("web: asked ECS to roll back what was under way")
    statuses = [row["status"] for row in trying.ecs.services["staging-web"].rollouts]
    assert statuses == ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]


def test_what_two_target_groups_serve_is_not_proved(trying: World) -> None:
    """Requests that somebody else sends to the other one belong to no release."""
    deployed(trying)
    trying.ecs.services["staging-web"].share = 50
    (service,) = trying.environment.services
    now = mover.expected(service, revisions.current(trying.session, service))
    with pytest.raises(DeliveryError, match="both of its target groups get requests"):
        proof.prove(trying.session, [now], proof.Telling.now(trying.session))


def test_where_the_rule_may_not_be_read_both_target_groups_are_looked_at(trying: World) -> None:
    """As in staging, where only production has a canary, or the other way round."""
    trying.aws.fail("DescribeRules", "AccessDeniedException", 100)
    deployed(trying)
    assert trying.lines[-1] == f"staging: {GOOD} is deployed"


def test_a_rollback_takes_all_requests_at_once(trying: World) -> None:
    """Nothing is to be found out by a share of them; the next release is a canary again."""
    deployed(trying, NEXT)
    began = trying.time.now
    assert roll_back(trying) == FIRST
    assert trying.time.now - began < 60
    service = trying.ecs.services["staging-web"]
    assert service.weights["arn:group/staging-web"] == 100
    assert service.minutes == (5, 2)
    assert len(service.rollouts) == 2


def test_what_a_killed_rollback_left_is_mended_by_the_next_release(trying: World) -> None:
    """It would have no share of the requests otherwise."""
    trying.ecs.services["staging-web"].minutes = (0, 0)
    deployed(trying)
    assert trying.said("canary: 10 % of requests for 5 min")


def test_a_stack_that_recorded_no_minutes_is_left_as_it_is(trying: World) -> None:
    """One that a version without them wrote, or whose canary somebody set by hand."""
    del trying.parameters.values["/slipway/staging/services/web"]["canary_minutes"]
    deployed(trying)
    assert "deploymentConfiguration" not in trying.aws.asked("UpdateService")[0]


def test_a_release_on_another_port_is_refused(trying: World) -> None:
    """ECS would ask for the right to pass the role by which it moves requests."""
    trying.template(PORT="9090")
    with pytest.raises(DeliveryError, match="the load balancer of a service with a canary does not move to it"):
        deploy.run(trying.session, trying.release(GOOD))
    assert not trying.aws.asked("UpdateService")


def test_a_restart_moves_to_the_other_target_group(trying: World) -> None:
    """It is how the first one serves again, so that the canary can be switched off."""
    deployed(trying)
    restart.run(trying.session, "")
    assert trying.ecs.services["staging-web"].weights["arn:group/staging-web"] == 100


@pytest.mark.parametrize(("desired", "tasks"), [(1, 3), (6, 3), (7, 4), (1000, 200)])
def test_as_many_tasks_may_fail_as_under_the_circuit_breaker(desired: int, tasks: int) -> None:
    """Half of the desired ones, within its limits."""
    assert canary.threshold(desired) == tasks
