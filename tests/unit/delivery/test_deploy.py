"""Deploying: what is checked before, what a good release leaves behind, and when there is nothing to do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from delivery.deploying import deploy, proof
from delivery.errors import DeliveryError
from tests.unit.delivery.world import digest_of

if TYPE_CHECKING:
    from tests.unit.delivery.world import World

GOOD, NEXT = "a" * 40, "b" * 40


def untouched(world: World) -> bool:
    """Tell whether nothing was registered or updated."""
    return not world.aws.asked("RegisterTaskDefinition") and not world.aws.asked("UpdateService")


def test_a_release_is_rolled_out_and_served(world: World) -> None:
    """With commit, execution and what it replaced in its tags, beside those of the template."""
    deploy.run(world.session, world.release(GOOD))
    assert world.running() == "staging-web:2"
    assert world.tags("staging-web:2") == {
        "project": "slipway",
        "environment": "staging",
        "slipway:commit": GOOD,
        "slipway:execution": f"run-{GOOD}",
        "slipway:replaces": world.arn("staging-web:1"),
        "slipway:version-path": "/web/version",
        "slipway:proof": "digest health version",
    }
    assert world.ecs.image(world.arn("staging-web:2")).endswith(f"/slipway/web@{digest_of(GOOD)}")
    assert world.said(f"web: serves {GOOD} as {digest_of(GOOD)}")
    assert world.lines[-1] == f"staging: {GOOD} is deployed"


def test_the_way_of_a_rollout_is_told_once_a_step_with_what_ecs_says_meanwhile(world: World) -> None:
    """Not what ECS said before, and each of its lines once."""
    world.ecs.event("staging-web", "an old story")
    world.time.at(4, lambda: world.ecs.event("staging-web", "has started 2 tasks"))
    world.time.at(4, lambda: world.ecs.event("staging-web", "has reached a steady state"))
    deploy.run(world.session, world.release(GOOD))
    assert [line for line in world.lines if "ECS: " in line or "new tasks run" in line] == [
        "web: IN_PROGRESS: 0 of 2 new tasks run",
        "web: ECS: has started 2 tasks",
        "web: ECS: has reached a steady state",
        "web: SUCCESSFUL: 2 of 2 new tasks run",
    ]
    assert not world.said("an old story")


def test_a_release_that_is_served_already_changes_nothing(world: World) -> None:
    """No revision is registered, no service updated; that it is served is proved."""
    release = world.release(GOOD)
    deploy.run(world.session, release)
    world.aws.calls.clear()
    deploy.run(world.session, release)
    assert untouched(world)
    assert world.aws.asked("DescribeTargetHealth")
    assert world.lines[-1] == f"staging: {GOOD} is served already, with the present template; nothing to do"


def test_what_is_set_to_run_but_not_served_is_deployed_again(world: World) -> None:
    """Such as tasks whose health check fails since; nothing is waited for any longer than ten seconds."""
    release = world.release(GOOD)
    deploy.run(world.session, release)
    world.balancer.unhealthy |= {task.address for task in world.ecs.tasks}
    deploy.run(world.session, release)
    assert world.said("this release is set to run already, but: web: 0 of 2 tasks are healthy targets")
    assert world.said("(for 10 s after the rollout); deploying it again")
    assert world.running() == "staging-web:3"


def test_a_service_whose_deployment_is_not_complete_is_deployed_again(world: World) -> None:
    """Its tasks may be right, but ECS is not done with it."""
    release = world.release(GOOD)
    deploy.run(world.session, release)
    world.ecs.services["staging-web"].primary[0]["rolloutState"] = "FAILED"
    deploy.run(world.session, release)
    assert world.running() == "staging-web:3"


def test_a_changed_template_arrives_with_the_same_release(world: World) -> None:
    """The image is served already, the new variable is not."""
    release = world.release(GOOD)
    deploy.run(world.session, release)
    world.template(GREETING="hello")
    deploy.run(world.session, release)
    assert world.running() == "staging-web:3"
    variables = world.ecs.variables(world.arn("staging-web:3"))
    assert variables == {"GREETING": "hello", "APP_VERSION": GOOD, "IMAGE_DIGEST": digest_of(GOOD)}


def test_another_port_moves_in_the_update_that_brings_the_release(world: World) -> None:
    """ECS refuses either on its own; a release on the same port says nothing of the load balancer."""
    deploy.run(world.session, world.release(GOOD))
    world.template(PORT="9090")
    deploy.run(world.session, world.release(NEXT))
    assert world.ecs.services["staging-web"].port == 9090
    assert world.said("web: the load balancer's port becomes 9090")
    assert ["loadBalancers" in one for one in world.aws.asked("UpdateService")] == [False, True]


def test_the_version_path_is_that_of_the_release_that_runs(world: World) -> None:
    """`pulumi up` records the next release's at once; what runs goes on telling its version where it did."""
    deploy.run(world.session, world.release(GOOD))
    world.parameters.values["/slipway/staging/services/web"]["version_path"] = "/web/about"
    assert proof.served(world.aws, world.environment).versions == {"web": (GOOD, digest_of(GOOD))}
    world.balancer.paths[digest_of(NEXT)] = "about"
    deploy.run(world.session, world.release(NEXT))
    assert world.tags("staging-web:3")["slipway:proof"] == "digest health version"
    assert proof.served(world.aws, world.environment).versions == {"web": (NEXT, digest_of(NEXT))}


def test_an_image_that_was_removed_is_refused_before_anything_is_touched(world: World) -> None:
    """With the repository, the digest and the remedy."""
    release = world.release(GOOD)
    del world.registry.images["slipway/web"][digest_of(GOOD)]
    with pytest.raises(DeliveryError, match=rf"'slipway/web' has no image {digest_of(GOOD)}.*build the commit again"):
        deploy.run(world.session, release)
    assert untouched(world)


@pytest.mark.parametrize("names", [("web",), ("api", "web", "worker")])
def test_a_release_of_other_services_than_the_stacks_is_refused(two: World, names: tuple[str, ...]) -> None:
    """One too few as well as one too many; both lists are named."""
    release = two.release(GOOD)
    image = release.services["web"]
    with pytest.raises(DeliveryError, match=rf"services {', '.join(names)}, stack staging has api, web; bring"):
        deploy.run(two.session, replace(release, services=dict.fromkeys(names, image)))
    assert untouched(two)


def test_a_service_without_tasks_is_refused(world: World) -> None:
    """Nothing could be proved; the remedy is a setting."""
    world.ecs.services["staging-web"].desired = 0
    with pytest.raises(DeliveryError, match=r"'staging-web' is scaled to 0 tasks.*pulumi up -s staging"):
        deploy.run(world.session, world.release(GOOD))
    assert untouched(world)


def test_a_service_of_one_task_is_deployed(world: World) -> None:
    """One can be proved."""
    world.ecs.services["staging-web"].desired = 1
    deploy.run(world.session, world.release(GOOD))
    assert world.running() == "staging-web:2"


@pytest.mark.parametrize("gone", ["cluster", "service", "drained"])
def test_a_service_that_is_gone_is_named(world: World, gone: str) -> None:
    """Its cluster may be gone, too; a service that was deleted stays listed for a while."""
    session, release = world.session, world.release(GOOD)
    if gone == "cluster":
        world.ecs.cluster = "another"
    elif gone == "service":
        del world.ecs.services["staging-web"]
    else:
        world.ecs.services["staging-web"].status = "INACTIVE"
    with pytest.raises(
        DeliveryError, match=r"no ECS service 'staging-web' in cluster 'the-cluster'; bring the stack up"
    ):
        deploy.run(session, release)


def test_a_template_that_is_gone_is_named(world: World) -> None:
    """By its family."""
    world.client("ecs").deregister_task_definition(taskDefinition=world.arn("staging-web-template:1"))
    with pytest.raises(DeliveryError, match=r"staging-web-template does not exist.*pulumi up"):
        deploy.run(world.session, world.release(GOOD))


def test_what_someone_else_began_is_waited_for(world: World) -> None:
    """Its end counts: it is what this release goes back to."""
    session, release = world.session, world.release(NEXT)
    held = world.ecs.services["staging-web"]
    world.ecs.begin(held, world.arn("staging-web:1"))
    world.time.sleep(1.5)
    deploy.run(session, release)
    assert held.rollouts[0]["status"] == "SUCCESSFUL"
    assert world.said("PENDING; waiting")
    assert world.said("IN_PROGRESS; waiting")


def test_what_someone_else_began_and_does_not_end_is_taken_over_after_two_minutes(world: World) -> None:
    """And said so."""
    bad = world.ecs.register("staging-web", f"x@{digest_of('hangs')}", {"slipway:commit": "c" * 40})
    world.ecs.behaviour[digest_of("hangs")] = "hangs"
    world.ecs.begin(world.ecs.services["staging-web"], bad)
    world.time.sleep(1.5)
    slept = world.time.slept
    deploy.run(world.session, world.release(GOOD))
    assert world.said("is IN_PROGRESS after 120 s more; taking over")
    assert 120 < world.time.slept - slept < 150
    assert world.tags(world.running())["slipway:replaces"] == world.arn("staging-web:1")
