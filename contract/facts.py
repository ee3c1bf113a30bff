"""The facts about a stack that it writes to Parameter Store and that scripts read at run time.

Names and settings may change between releases (a replaced load balancer, an added service), so they are read when
needed. They contain no secret. Payloads are JSON objects; the key of a field is its name or its metadata `KEY`.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Self

KEY = "key"
KINDS: dict[str, type] = {"str": str, "int": int, "dict[str, str]": dict, "dict[str, Any]": dict, "list[Any]": list}
"""The types of facts by annotation."""


class FactsError(Exception):
    """A parameter without the facts that this version reads; the message is one line with the remedy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """The base class of the facts in one parameter."""

    def payload(self) -> str:
        """Return the parameter's value: JSON with sorted keys, so that equal facts are equal text.

        An optional fact that has its default is left out: parameters that stand do not change when one is added.
        """
        defaults = self._defaults()
        held = [(name, key, getattr(self, name)) for name, key in self.payload_keys().items()]
        recorded = {key: value for name, key, value in held if name not in defaults or value != defaults[name]}
        return json.dumps(recorded, sort_keys=True)

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        """Return the defaults of the optional facts, by field name."""
        plain = {fact.name: fact.default for fact in fields(cls) if fact.default is not MISSING}
        made = {fact.name: fact.default_factory() for fact in fields(cls) if fact.default_factory is not MISSING}
        return plain | made

    @classmethod
    def payload_keys(cls) -> dict[str, str]:
        """Return the payload keys by field name; fields that are not in the payload are left out."""
        keys = {fact.name: str(fact.metadata.get(KEY, fact.name)) for fact in fields(cls)}
        return {name: key for name, key in keys.items() if key}

    @classmethod
    def read(cls, text: str, *, parameter: str, stack: str, **known: Any) -> Self:  # noqa: ANN401 - any field's type
        """Return the facts in a parameter's value; unknown keys are ignored.

        Args:
            text: the value, JSON.
            parameter: name of the parameter, for messages.
            stack: the stack that wrote it, for messages.
            known: values of the fields that are not in the payload.

        Raises:
            FactsError: the value is not a JSON object, lacks a fact, or has one of another type.
        """
        remedy = f"another version of the program wrote it; run: pulumi up -s {stack}"
        try:
            payload = json.loads(text)
        except ValueError as error:
            raise FactsError(f"parameter {parameter} holds no JSON ({error}); {remedy}") from error
        if not isinstance(payload, dict):
            raise FactsError(f"parameter {parameter} holds no JSON object; {remedy}")
        keys, defaults = cls.payload_keys(), cls._defaults()
        if missing := sorted(key for name, key in keys.items() if key not in payload and name not in defaults):
            raise FactsError(f"parameter {parameter} lacks {', '.join(missing)}; {remedy}")
        values = {name: payload.get(key, defaults.get(name)) for name, key in keys.items()}
        for name, kind in {fact.name: KINDS[str(fact.type)] for fact in fields(cls) if fact.name in keys}.items():
            if not isinstance(values[name], kind) or isinstance(values[name], bool):
                raise FactsError(
                    f"parameter {parameter}: {keys[name]} is {values[name]!r} and no {kind.__name__}; {remedy}"
                )
        return cls(**values, **known)


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment(Facts):
    """The facts about an environment: URL without a trailing slash, and name of the ECS cluster."""

    url: str
    cluster: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Service(Facts):
    """The facts about a service.

    `name` is its key in the stack file and part of the parameter's name, not of the payload. `target_group` is an ARN.
    `digest` and `version` are those of its first image. `context`, `dockerfile`, `target`, `build_args` and `platform`
    (`linux/arm64`) define how its images are built; an empty `target` is the last stage. `version_path` is the path
    that returns its version.

    Optional, since services that are up were recorded without them: `health_status`, the status codes of a healthy
    task (`200-399`); `route`, the first path of its route without a trailing slash, if it has no version path;
    `writable`, its directories in memory; `tests` and `acceptance`, a suite each with `target`, `image` and `command`
    as far as configured; `checks`, requests with `path`, `status` and `text`; `attachment`, the priority of the rule
    that attaches its target group to the load balancer; `ports`, in the order in which they came, that releases have
    listened on, if there were several; `first_version_path`, that of its first image, if it was another;
    `canary_minutes` and `bake_minutes`, how long a canary has a share of the requests and how long the old tasks go on
    running after it, 0 without a canary.
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
    health_status: str = "200"
    route: str = ""
    writable: list[Any] = field(default_factory=list)
    tests: dict[str, Any] = field(default_factory=dict)
    acceptance: dict[str, Any] = field(default_factory=dict)
    checks: list[Any] = field(default_factory=list)
    attachment: int = 0
    ports: list[Any] = field(default_factory=list)
    first_version_path: str = ""
    canary_minutes: int = 0
    bake_minutes: int = 0

    @property
    def repository(self) -> str:
        """The name of the ECR repository: its URL without the registry's host."""
        return self.repository_url.split("/", 1)[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline(Facts):
    """The facts about the pipeline that deploys to an environment, with the stage and action that do.

    `approval_stage` and `approval_action` are empty without a manual approval. `projects` are the names of its build
    projects by key (`contract.pipeline.Project`).

    Optional: `topic`, ARN of the SNS topic that its steps publish to; `chat_secret`, ARN of the secret that holds the
    URL of a chat's incoming webhook; `github_secret`, that of the one that holds the token for GitHub's deployments.
    Empty where the stack file does not ask for it.
    """

    name: str = field(metadata={KEY: "pipeline"})
    stage: str
    deploy_action: str
    approval_stage: str
    approval_action: str
    repository: str
    branch: str
    projects: dict[str, str]
    topic: str = ""
    chat_secret: str = ""
    github_secret: str = ""
