"""The AWS services that the local cloud implements itself; ministack provides all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.services.application_autoscaling import ApplicationAutoScaling
from localcloud.services.cloudwatch import Alarms
from localcloud.services.codebuild import CodeBuild
from localcloud.services.codeconnections import CodeConnections
from localcloud.services.codepipeline import CodePipeline
from localcloud.services.codestar_notifications import CodeStarNotifications
from localcloud.services.ecs import ContainerService
from localcloud.services.elbv2 import LoadBalancing

if TYPE_CHECKING:
    from localcloud.context import Context, Service
    from localcloud.github import GitHub


def own_services(ctx: Context, github: GitHub) -> list[Service]:
    """Return our own services in start order; they are stopped in reverse."""
    balancing = LoadBalancing(ctx)
    containers = ContainerService(ctx, balancing.targets, balancing.shifting)
    codebuild = CodeBuild(ctx, github)
    connections = CodeConnections(ctx)
    notifications = CodeStarNotifications(ctx)
    pipelines = CodePipeline(ctx, github, codebuild, connections)
    pipelines.events.listeners.append(notifications.heard)
    scaling = ApplicationAutoScaling(ctx, containers.state)
    alarms = Alarms(ctx)
    alarms.samplers.append(balancing.metrics.sample)
    alarms.publishers += [balancing.metrics.publish, containers.metrics.publish]
    return [balancing, containers, alarms, scaling, codebuild, *connections.services, notifications, pipelines]
