"""A service's facts for tests: whatever a test does not name has a plain value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from contract.facts import Service
from contract.names import of_service, release_family, template_family

REGISTRY = "1.dkr.ecr.eu-west-1.amazonaws.com"


def service(name: str = "web", stack: str = "staging", **named: Any) -> Service:  # noqa: ANN401 - any field's value
    """Return the facts of a service in a stack, with those that are named."""
    plain = Service(
        name=name,
        ecs_service=of_service(stack, name),
        container=name,
        desired_count=1,
        port=8080,
        health_path="/health",
        version_path="/version",
        target_group="g",
        template_family=template_family(stack, name),
        release_family=release_family(stack, name),
        repository_url=f"{REGISTRY}/slipway/{name}",
        digest="sha256:first",
        version="content-1",
        context="app",
        dockerfile="Dockerfile",
        target="release",
        platform="",
        build_args={},
    )
    return replace(plain, **named)
