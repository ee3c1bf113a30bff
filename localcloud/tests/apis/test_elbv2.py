"""ELBv2 through boto3 and HTTP: routing, health checks, draining, refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import docker
import httpx
import pytest
from botocore.exceptions import ClientError

from localcloud.settings import label
from support.cloud import Site
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud

FIXED = {"StatusCode": "418", "ContentType": "text/plain", "MessageBody": 'no "such" $thing'}


@pytest.fixture(scope="module")
def site(cloud: Cloud) -> Site:
    """A load balancer with a listener on port 80 and an empty target group."""
    return Site(cloud, "contract-elb")


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[str]:
    """The address of a server on the network that is not an ECS task."""
    daemon = docker.from_env()
    network = site.cloud.environment["LOCALCLOUD_NETWORK"]
    container = daemon.containers.run(
        site.cloud.image("good"),
        detach=True,
        network=network,
        name="contract-elb-server",
        environment={"RELEASE": "by hand"},
    )
    container.reload()
    yield container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"]
    container.remove(force=True)


def health(site: Site) -> dict[str, str]:
    """Return the targets' states by address."""
    rows = site.elb.describe_target_health(TargetGroupArn=site.group)["TargetHealthDescriptions"]
    return {row["Target"]["Id"]: row["TargetHealth"]["State"] for row in rows}


def wait_for(site: Site, address: str, state: str | None) -> None:
    """Wait until a target has a state; None: until it is deregistered."""
    until(lambda: health(site).get(address) == state, lambda: health(site))


def refused(call: Any, **arguments: object) -> str:
    """Return the error code of a refused call."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(error.value.response["Error"]["Code"])


def test_no_target_is_answered_with_503_in_the_balancers_name(site: Site) -> None:
    """As on AWS."""
    answer = httpx.get(f"http://{site.host}/")
    assert answer.status_code == 503
    assert "503 Service Temporarily Unavailable" in answer.text


def test_a_target_takes_requests_after_one_passing_check_and_drains_when_deregistered(site: Site, server: str) -> None:
    """Its states are initial, healthy, draining during a request, and then it is removed."""
    site.elb.register_targets(TargetGroupArn=site.group, Targets=[{"Id": server, "Port": 8080}])
    wait_for(site, server, "healthy")
    answer = httpx.get(f"http://{site.host}/", headers={"X-Forwarded-For": "203.0.113.9"})
    assert answer.text.startswith("by hand 203.0.113.9")
    with httpx.Client() as client, httpx.stream("GET", f"http://{site.host}/slow", timeout=10) as slow:
        assert slow.status_code == 200
        assert client.get(f"http://{site.host}/").status_code == 200
    site.elb.deregister_targets(TargetGroupArn=site.group, Targets=[{"Id": server}])
    assert health(site)[server] == "draining"
    assert httpx.get(f"http://{site.host}/").status_code == 503
    wait_for(site, server, None)


def test_an_unhealthy_target_is_named_with_aws_reasons_and_used_only_when_all_are(site: Site, server: str) -> None:
    """A target without a listener is unhealthy after the threshold; a healthy one gets all requests."""
    site.elb.register_targets(
        TargetGroupArn=site.group, Targets=[{"Id": server, "Port": 9}, {"Id": server, "Port": 8080}]
    )

    def found() -> dict[int, dict[str, str]]:
        rows = site.elb.describe_target_health(TargetGroupArn=site.group)["TargetHealthDescriptions"]
        return {row["Target"]["Port"]: row["TargetHealth"] for row in rows}

    until(lambda: {port: each["State"] for port, each in found().items()} == {9: "unhealthy", 8080: "healthy"}, found)
    assert found()[9]["Reason"] == "Target.FailedHealthChecks"
    assert {httpx.get(f"http://{site.host}/").status_code for _ in range(10)} == {200}
    site.elb.deregister_targets(TargetGroupArn=site.group, Targets=[{"Id": server}])
    wait_for(site, server, None)


@pytest.mark.parametrize(
    ("condition", "request_", "status"),
    [
        ({"Field": "path-pattern", "Values": ["/img/*.p?g"]}, {"url": "/img/a.png"}, 418),
        ({"Field": "path-pattern", "Values": ["/img/*.p?g"]}, {"url": "/IMG/a.png"}, 503),
        ({"Field": "host-header", "HostHeaderConfig": {"Values": ["*.Example.com"]}}, {"host": "a.example.COM"}, 418),
        (
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Team", "Values": ["it's *"]}},
            {"x-team": "it's us"},
            418,
        ),
        (
            {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["DELETE"]}},
            {"method": "DELETE"},
            418,
        ),
        ({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["DELETE"]}}, {}, 503),
        (
            {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "1*"}]}},
            {"url": "/?v=12"},
            418,
        ),
        ({"Field": "source-ip", "SourceIpConfig": {"Values": ["203.0.113.0/24"]}}, {}, 503),
    ],
)
def test_rules_match_as_documented(
    site: Site, condition: dict[str, Any], request_: dict[str, str], status: int
) -> None:
    """Every kind of condition, with a fixed response as the action."""
    action = {"Type": "fixed-response", "FixedResponseConfig": FIXED}
    rule = site.elb.create_rule(ListenerArn=site.listener, Priority=5, Conditions=[condition], Actions=[action])[
        "Rules"
    ][0]
    headers = {key: value for key, value in request_.items() if key not in ("url", "method")}
    answer = httpx.request(
        request_.get("method", "GET"), f"http://{site.host}{request_.get('url', '/')}", headers=headers
    )
    site.elb.delete_rule(RuleArn=rule["RuleArn"])
    assert answer.status_code == status
    if status == 418:  # the rule's fixed response
        assert answer.text == FIXED["MessageBody"]


def test_rules_go_by_priority_and_redirects_fill_in_the_request(site: Site) -> None:
    """The lower number wins for all types of action; priorities can be changed."""
    everything = [{"Field": "path-pattern", "Values": ["/*"]}]
    redirect = {
        "Type": "redirect",
        "RedirectConfig": {"StatusCode": "HTTP_301", "Path": "/new/#{path}", "Port": "8443"},
    }
    forward = {"Type": "forward", "TargetGroupArn": site.group}
    first = site.elb.create_rule(ListenerArn=site.listener, Priority=1, Conditions=everything, Actions=[forward])[
        "Rules"
    ][0]
    second = site.elb.create_rule(ListenerArn=site.listener, Priority=2, Conditions=everything, Actions=[redirect])[
        "Rules"
    ][0]
    assert httpx.get(f"http://{site.host}/a").status_code == 503
    site.elb.set_rule_priorities(
        RulePriorities=[{"RuleArn": first["RuleArn"], "Priority": 3}, {"RuleArn": second["RuleArn"], "Priority": 2}]
    )
    answer = httpx.get(f"http://{site.host}/a/b?c=d%20e")
    assert (answer.status_code, answer.headers["location"]) == (301, f"http://{site.host}:8443/new/a/b?c=d%20e")
    assert [rule["Priority"] for rule in site.elb.describe_rules(ListenerArn=site.listener)["Rules"]] == [
        "2",
        "3",
        "default",
    ]
    for rule in (first, second):
        site.elb.delete_rule(RuleArn=rule["RuleArn"])


def test_a_second_listener_opens_and_closes_its_own_port(site: Site) -> None:
    """Ports on the load balancer's own address, without affecting others."""
    action = {"Type": "fixed-response", "FixedResponseConfig": FIXED}
    arguments = {"LoadBalancerArn": site.balancer, "Protocol": "HTTP", "DefaultActions": [action]}
    listener = site.elb.create_listener(Port=8081, **arguments)["Listeners"][0]
    assert httpx.get(f"http://{site.host}:8081/").status_code == 418
    assert refused(site.elb.create_listener, Port=8081, **arguments) == "DuplicateListener"
    site.elb.delete_listener(ListenerArn=listener["ListenerArn"])
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{site.host}:8081/")


def test_what_cannot_be_served_is_refused_by_name(site: Site) -> None:
    """Stickiness, network load balancers, a single subnet."""
    config = {"TargetGroups": [{"TargetGroupArn": site.group}], "TargetGroupStickinessConfig": {"Enabled": True}}
    forward = {"Type": "forward", "ForwardConfig": config}
    fixed = {"Type": "fixed-response", "FixedResponseConfig": FIXED}
    create = site.elb.create_listener
    listener = {"LoadBalancerArn": site.balancer, "Port": 444}
    assert refused(create, **listener, Protocol="TLS", DefaultActions=[fixed]) == "ValidationError"
    assert refused(create, **listener, Protocol="HTTP", DefaultActions=[forward]) == "UnsupportedOperation"
    sticky = [{"Key": "stickiness.enabled", "Value": "true"}]
    change = site.elb.modify_target_group_attributes
    assert refused(change, TargetGroupArn=site.group, Attributes=sticky) == "InvalidConfigurationRequest"
    make = site.elb.create_load_balancer
    assert refused(make, Name="other", Type="network", Subnets=site.subnets) == "UnsupportedOperation"
    assert refused(make, Name="other", Subnets=site.subnets[:1]) == "ValidationError"
    assert refused(make, Name="bad_name", Subnets=site.subnets) == "ValidationError"
    assert refused(make, Name=site.name, Subnets=site.subnets) == "DuplicateLoadBalancerName"
    assert refused(site.elb.delete_target_group, TargetGroupArn=site.group) == "ResourceInUse"


def test_attributes_and_tags_are_kept(site: Site) -> None:
    """Deletion protection is enforced; tags can be added and removed."""
    change = site.elb.modify_load_balancer_attributes
    protection = "deletion_protection.enabled"
    change(LoadBalancerArn=site.balancer, Attributes=[{"Key": protection, "Value": "true"}])
    assert refused(site.elb.delete_load_balancer, LoadBalancerArn=site.balancer) == "OperationNotPermitted"
    change(LoadBalancerArn=site.balancer, Attributes=[{"Key": protection, "Value": "false"}])
    site.elb.add_tags(ResourceArns=[site.group], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    site.elb.remove_tags(ResourceArns=[site.group], TagKeys=["a"])
    tags = site.elb.describe_tags(ResourceArns=[site.group])["TagDescriptions"][0]["Tags"]
    assert tags == [{"Key": "b", "Value": "2"}]


def test_a_removed_proxy_comes_back_at_the_same_address(site: Site) -> None:
    """The address belongs to the load balancer, not to the container."""
    mine = [c for c in site.cloud.containers("balancer") if c.labels[label("balancer")] == site.balancer]
    mine[0].remove(force=True)

    def answer() -> int:
        try:
            return httpx.get(f"http://{site.host}/").status_code
        except httpx.TransportError:
            return 0

    assert until(answer) == 503
