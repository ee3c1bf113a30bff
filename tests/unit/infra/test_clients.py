"""Clients with the settings of the default AWS provider."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3

from infra import clients
from infra.config.environment import Environment, Service
from infra.config.stack import StackConfig

if TYPE_CHECKING:
    import pytest


class Session:
    """A session that keeps how it was made and which roles were assumed."""

    made: list[dict[str, Any]] = []  # noqa: RUF012 - reset by each test
    assumed: list[dict[str, Any]] = []  # noqa: RUF012 - likewise

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - boto3's own
        """Keep the settings."""
        self.key = values.get("aws_access_key_id", "own")
        self.made.append(values)

    def client(self, _: str) -> Session:
        """Return what assumes a role."""
        return self

    def assume_role(self, **asked: Any) -> dict[str, Any]:  # noqa: ANN401 - boto3's own
        """Give credentials that are called after the role."""
        self.assumed.append(asked | {"by": self.key})
        name = asked["RoleArn"]
        return {"Credentials": {"AccessKeyId": name, "SecretAccessKey": f"{name}-key", "SessionToken": f"{name}-token"}}


def made(monkeypatch: pytest.MonkeyPatch, **values: str) -> list[dict[str, Any]]:
    """Return the settings of the sessions that a stack's clients are made with."""
    Session.made, Session.assumed = [], []
    monkeypatch.setattr(boto3, "Session", Session)
    environment = Environment(services={"web": Service(context="app")})
    names = {"stack": "staging", "organization": "o", "project": "p"}
    clients.of(StackConfig(**names, region="eu-central-1", environment=environment, **values))
    return Session.made


def test_clients_have_the_region_and_the_profile_of_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not those of the environment."""
    assert made(monkeypatch, aws_profile="ops") == [{"region_name": "eu-central-1", "profile_name": "ops"}]


def test_roles_are_assumed_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the provider does, with the session's name and the external ID that are configured."""
    roles = [{"roleArn": "first", "externalId": "secret"}, {"roleArn": "second", "sessionName": "mine"}]
    *_, last = made(monkeypatch, aws_assume_roles=json.dumps(roles))
    assert Session.assumed == [
        {"RoleArn": "first", "RoleSessionName": "slipway", "ExternalId": "secret", "by": "own"},
        {"RoleArn": "second", "RoleSessionName": "mine", "by": "first"},
    ]
    assert last == {
        "aws_access_key_id": "second",
        "aws_secret_access_key": "second-key",
        "aws_session_token": "second-token",
        "region_name": "eu-central-1",
    }
