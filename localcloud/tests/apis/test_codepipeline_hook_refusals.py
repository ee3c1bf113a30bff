"""Refusals of webhooks, connections and notification rules: AWS's rules, and unsupported features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from support.pipelines import Works, unchecked, valid

if TYPE_CHECKING:
    from support.cloud import Cloud

VALIDATION = "ValidationException"
Doc = dict[str, Any]


@pytest.fixture(scope="module")
def works(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Works:
    """A role and a bucket; no pipeline ever runs here."""
    return Works(cloud, tmp_path_factory.mktemp("hooked"), "hooked")


@pytest.fixture(scope="module")
def api(cloud: Cloud) -> Any:
    """A boto3 client without parameter validation."""
    return unchecked(cloud)


def filters(*paths: str) -> Doc:
    """Return a change of a webhook's filters."""
    return {"filters": [{"jsonPath": path} for path in paths]}


HOOKS: dict[str, tuple[Doc, str, str]] = {
    "no filter": (filters(), "InvalidWebhookFilterPatternException", "1 to 5"),
    "six filters": (filters(*["$.ref"] * 6), VALIDATION, "filters"),
    "a filter that is no path": (filters("ref"), "InvalidWebhookFilterPatternException", "ref is no JSONPath"),
    "a secret of 101 characters": (
        {"authenticationConfiguration": {"SecretToken": "x" * 101}}, VALIDATION, "SecretToken",
    ),
    "no secret": (
        {"authenticationConfiguration": {}}, "InvalidWebhookAuthenticationParametersException", "SecretToken",
    ),
    "a secret without authentication": (
        {"authentication": "UNAUTHENTICATED"}, "InvalidWebhookAuthenticationParametersException", "UNAUTHENTICATED",
    ),
    "an address that is none": (
        {"authentication": "IP", "authenticationConfiguration": {"AllowedIPRange": "x"}},
        "InvalidWebhookAuthenticationParametersException", "AllowedIPRange",
    ),
    "an unknown pipeline": ({"targetPipeline": "nobody"}, "PipelineNotFoundException", "nobody"),
    "an unknown action": ({"targetAction": "Nothing"}, VALIDATION, "Nothing"),
    "a source by connection": ({}, VALIDATION, "takes no webhook"),
}  # fmt: skip


@pytest.mark.parametrize("rule", HOOKS)
def test_a_webhook_is_refused_with(api: Any, works: Works, rule: str) -> None:
    """The error has AWS's code and names the invalid value."""
    change, code, text = HOOKS[rule]
    if "hooked" not in [row["name"] for row in api.list_pipelines()["pipelines"]]:
        works.pipelines.create_pipeline(pipeline=valid() | {"name": "hooked"})
    definition = {
        "name": "refused",
        "targetPipeline": "hooked",
        "targetAction": "Fetch",
        "authentication": "GITHUB_HMAC",
        "authenticationConfiguration": {"SecretToken": "secret"},
        **filters("$.ref"),
        **change,
    }
    with pytest.raises(ClientError) as caught:
        api.put_webhook(webhook=definition)
    assert caught.value.response["Error"]["Code"] == code
    assert text in caught.value.response["Error"]["Message"]
    assert "refused" not in [row["definition"]["name"] for row in api.list_webhooks()["webhooks"]]


def test_connections_of_other_providers_and_hosts_are_refused_by_name(cloud: Cloud, works: Works) -> None:
    """So are sync configurations; both APIs return the same connections; tags are stored."""
    client, older = cloud.client("codeconnections"), cloud.client("codestar-connections")
    with pytest.raises(ClientError, match="Bitbucket"):
        client.create_connection(ProviderType="Bitbucket", ConnectionName="x")
    with pytest.raises(ClientError, match="does not support codeconnections CreateHost"):
        client.create_host(Name="x", ProviderType="GitHubEnterpriseServer", ProviderEndpoint="http://x")
    made = older.create_connection(ProviderType="GitHub", ConnectionName="older", Tags=[{"Key": "a", "Value": "b"}])
    arn = made["ConnectionArn"]
    assert arn.startswith("arn:aws:codestar-connections:")
    assert client.get_connection(ConnectionArn=arn)["Connection"]["ConnectionStatus"] == "PENDING"
    older.tag_resource(ResourceArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    older.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert older.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "c", "Value": "d"}]
    client.delete_connection(ConnectionArn=arn)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        older.get_connection(ConnectionArn=arn)
    assert works.connection in [row["ConnectionArn"] for row in client.list_connections()["Connections"]]
    assert works.recorder.problems == []


def test_notification_rules_of_other_services_are_refused_by_name(cloud: Cloud) -> None:
    """Only events of pipelines, and only SNS topics, are supported."""
    client = cloud.client("codestar-notifications")
    topic = {"TargetType": "SNS", "TargetAddress": "arn:aws:sns:eu-central-1:000000000000:t"}
    rule = {
        "Name": "refused",
        "EventTypeIds": ["codepipeline-pipeline-pipeline-execution-failed"],
        "Resource": "arn:aws:codepipeline:eu-central-1:000000000000:p",
        "DetailType": "BASIC",
        "Targets": [topic],
    }
    for change, text in (
        ({"EventTypeIds": ["codebuild-project-build-state-failed"]}, "codebuild-project-build-state-failed"),
        ({"Resource": "arn:aws:codebuild:eu-central-1:000000000000:project/x"}, "no pipeline"),
        ({"Targets": [topic | {"TargetType": "AWSChatbotSlack"}]}, "AWSChatbotSlack"),
    ):
        with pytest.raises(ClientError, match=text):
            client.create_notification_rule(**rule | change)
    assert client.list_notification_rules()["NotificationRules"] == []
