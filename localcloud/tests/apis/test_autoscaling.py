"""Application Auto Scaling through boto3."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from support.cloud import Cloud, Site


def test_bounds_are_enforced_and_policies_kept(cloud: Cloud) -> None:
    """A desired count below the minimum is raised; policies and tags are stored, and deleted with their target."""
    site, scaling = Site(cloud, "contract-scale"), cloud.client("application-autoscaling")
    target = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{site.name}/web",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    with pytest.raises(ClientError, match="ECS service doesn't exist"):
        scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)
    site.serve(site.definition(cloud.image("good")), desired=1)
    with pytest.raises(ClientError, match="No scalable target registered"):
        scaling.put_scaling_policy(**target, PolicyName="cpu", PolicyType="TargetTrackingScaling")
    arn = scaling.register_scalable_target(**target, MinCapacity=2, MaxCapacity=4, Tags={"a": "b"})["ScalableTargetARN"]
    assert site.service()["desiredCount"] == 2
    metric = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    tracking = {"TargetValue": 50.0, "PredefinedMetricSpecification": metric}
    scaling.put_scaling_policy(
        **target,
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=tracking,
    )
    policy = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"][0]
    assert policy["TargetTrackingScalingPolicyConfiguration"] == tracking
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"a": "b"}
    scaling.deregister_scalable_target(**target)
    assert scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"] == []
    assert site.outcome()["status"] == "SUCCESSFUL"
    site.ecs.delete_service(cluster=site.name, service="web", force=True)
