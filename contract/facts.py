"""What a stack records of itself in Parameter Store, and scripts read when they run.

Names and settings that can change between releases (a replaced load balancer, a service added since): reading them at
run time follows them. No secret is among them. Payloads are JSON objects; a field's key is its name, or that in `KEY`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any, Self

KEY = "key"
KINDS: dict[str, type] = {"str": str, "int": int, "dict[str, str]": dict}
"""The types that facts have, by their annotations."""


class FactsError(Exception):
    """A parameter that does not hold the facts this version reads; the message is one line with the remedy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """The facts of one parameter."""

    def payload(self) -> str:
        """Return the parameter's value: JSON with sorted keys, so that the same facts are the same text."""
        return json.dumps({key: getattr(self, name) for name, key in self.payload_keys().items()}, sort_keys=True)

    @classmethod
    def payload_keys(cls) -> dict[str, str]:
        """Return the payload's key of each field that the payload holds."""
        keys = {one.name: str(one.metadata.get(KEY, one.name)) for one in fields(cls)}
        return {name: key for name, key in keys.items() if key}

    @classmethod
    def read(cls, text: str, *, parameter: str, stack: str, **known: Any) -> Self:  # noqa: ANN401 - any field's type
        """Read a parameter's value. Keys that this version does not know are left alone.

        Args:
            text: the value.
            parameter: its name, for the message.
            stack: the stack that wrote it, for the message.
            known: fields that are not in the payload.

        Raises:
            FactsError: the value is no JSON object, or lacks a fact or holds one of another type.
        """
        remedy = f"another version of the program wrote it; run: pulumi up -s {stack}"
        try:
            held = json.loads(text)
        except ValueError as error:
            raise FactsError(f"parameter {parameter} holds no JSON ({error}); {remedy}") from error
        if not isinstance(held, dict):
            raise FactsError(f"parameter {parameter} holds no JSON object; {remedy}")
        keys = cls.payload_keys()
        if missing := sorted(key for key in keys.values() if key not in held):
            raise FactsError(f"parameter {parameter} lacks {', '.join(missing)}; {remedy}")
        values = {name: held[key] for name, key in keys.items()}
        for name, kind in {one.name: KINDS[str(one.type)] for one in fields(cls) if one.name in keys}.items():
            if not isinstance(values[name], kind) or isinstance(values[name], bool):
                raise FactsError(
                    f"parameter {parameter}: {keys[name]} is {values[name]!r} and no {kind.__name__}; {remedy}"
                )
        return cls(**values, **known)


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment(Facts):
    """An environment: its URL without a trailing slash, and its ECS cluster's name."""

    url: str
    cluster: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Service(Facts):
    """A service of an environment.

    `name` is its key in the stack file, and in the parameter's name rather than in the payload. `digest` and `version`
    are those of its first image. `context`, `dockerfile`, `target` and `build_args` say how its images are built,
    `platform` for what (`linux/arm64`). `version_path` is where it tells its version.
    """

    name: str = field(metadata={KEY: ""})
    ecs_service: str = field(metadata={KEY: "service"})
    container: str
    desired_count: int
    port: int
    health_path: str
    version_path: str
    target_group: str
    template_family: str
    release_family: str
    repository_url: str
    digest: str
    version: str
    context: str
    dockerfile: str
    target: str
    platform: str
    build_args: dict[str, str]

    @property
    def repository(self) -> str:
        """The repository's name: what follows the registry's host in the URL."""
        return self.repository_url.split("/", 1)[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline(Facts):
    """The pipeline that deploys to an environment, and the stage and action that do.

    `approval_stage` and `approval_action` are empty where no person is asked. `projects` are the names of its build
    projects by key (`contract.pipeline.Project`).
    """

    name: str = field(metadata={KEY: "pipeline"})
    stage: str
    deploy_action: str
    approval_stage: str
    approval_action: str
    repository: str
    branch: str
    projects: dict[str, str]
