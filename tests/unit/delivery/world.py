"""An environment in a fake AWS: its services on their first revisions, and releases by what they do."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from delivery import environment
from delivery.release.manifest import Image, Manifest
from delivery.session import Session
from tests.service_facts import pipeline, service
from tests.unit.delivery.account import Account
from tests.unit.delivery.aws import Aws
from tests.unit.delivery.builds import Builds
from tests.unit.delivery.edge import HOST, Balancer, Parameters, Registry
from tests.unit.delivery.log_streams import Logs
from tests.unit.delivery.pipelines import NAME, Pipelines
from tests.unit.delivery.rollouts import Rollouts

if TYPE_CHECKING:
    from collections.abc import Callable

    from delivery.environment import Environment

OURS = {"project": "slipway", "environment": "staging"}
FIRST = "content-1"


def pipeline_facts(stage: str) -> dict[str, Any]:
    """Return the payload that tells of the pipeline which deploys in a stage."""
    held: dict[str, Any] = json.loads(pipeline(NAME, stage).payload())
    return held


def digest_of(commit: str, service: str = "web") -> str:
    """Return the digest of a commit's image."""
    return f"sha256:{hashlib.sha256(f'{service} {commit}'.encode()).hexdigest()}"


@dataclass
class World:
    """A stack with services, which have a release family, a template and a repository each."""

    names: tuple[str, ...] = ("web",)
    stage: str = ""
    """The stage of the pipeline that deploys here, empty where none does."""
    stack: str = "staging"
    lines: list[str] = field(default_factory=list)
    when_said: dict[str, Callable[[], object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Bring the stack up."""
        self.aws = Aws()
        self.time = self.aws.time
        self.ecs = Rollouts(aws=self.aws)
        self.balancer = Balancer(ecs=self.ecs)
        self.registry = Registry()
        self.parameters = Parameters()
        self.pipeline = Pipelines(aws=self.aws)
        self.builds = Builds(aws=self.aws)
        self.logs = Logs()
        self.aws.services |= {
            "ecs": self.ecs, "elbv2": self.balancer, "ecr": self.registry, "ssm": self.parameters,
            "codepipeline": self.pipeline, "codebuild": self.builds, "logs": self.logs, "sts": Account(),
        }  # fmt: skip
        for name in self.names:
            self.registry.push(f"slipway/{name}", digest_of(FIRST, name), FIRST)
            self.template(name)
            image = f"{HOST}/slipway/{name}@{digest_of(FIRST, name)}"
            own = {"IMAGE_DIGEST": digest_of(FIRST, name), "APP_VERSION": FIRST}
            self.ecs.create(f"staging-{name}", self.ecs.register(f"staging-{name}", image, OURS, **own))
        self._write()
        self.time.sleep(3600)

    def _write(self) -> None:
        """Write the stack's parameters."""
        held: dict[str, Any] = {"environment": {"url": f"{self.balancer.url}/", "cluster": self.ecs.cluster}}
        if self.stage:
            held["pipeline"] = pipeline_facts(self.stage)
        for name in self.names:
            facts = service(
                name,
                repository_url=f"{HOST}/slipway/{name}",
                build_args={"PYTHON_IMAGE": "python:3.11", "DEBUG": "no"},
                container="app",
                version_path=f"/{name}/version",
            )
            held[f"services/{name}"] = json.loads(facts.payload())
        self.parameters.values |= {f"/slipway/{self.stack}/{name}": value for name, value in held.items()}

    def record_pipeline(self, **facts: str) -> None:
        """Write the facts of the pipeline again, with further ones."""
        self.parameters.values[f"/slipway/{self.stack}/pipeline"] = pipeline_facts(self.stage) | facts

    @property
    def environment(self) -> Environment:
        """The environment, as its parameters tell of it."""
        return environment.read(self.aws("ssm"), self.stack)

    @property
    def session(self) -> Session:
        """A command's session."""
        return Session(clients=self.aws, environment=self.environment, say=self.say, clock=self.time.clock())

    def say(self, line: str) -> None:
        """Keep a progress line, and do what is planned for when one has certain words."""
        self.lines.append(line)
        for words in [words for words in self.when_said if words in line]:
            self.when_said.pop(words)()

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no static type
        """Return a client."""
        return self.aws(service)

    def template(self, name: str = "web", **variables: str) -> str:
        """Register a revision of a service's template, as `pulumi up` does."""
        return self.ecs.register(f"staging-{name}-template", f"{HOST}/slipway/{name}:template", OURS, **variables)

    def release(self, commit: str, **behaviour: str) -> Manifest:
        """Push a commit's images, which behave as is said of a service; returns its manifest."""
        services = {}
        for name in self.names:
            digest = digest_of(commit, name)
            self.registry.push(f"slipway/{name}", digest, f"candidate-{commit}")
            self.ecs.behaviour[digest] = behaviour.get(name, "good")
            services[name] = Image(repository=f"slipway/{name}", digest=digest, version=commit)
        return Manifest(commit=commit, execution=f"run-{commit}", services=services)

    def running(self, name: str = "web") -> str:
        """Return family and number of the revision that a service is set to run."""
        return self.ecs.services[f"staging-{name}"].definition.rpartition("/")[2]

    def tags(self, revision: str) -> dict[str, str]:
        """Return a revision's tags by its family and number."""
        return next(tags for arn, tags in self.ecs.tags.items() if arn.endswith(f"/{revision}"))

    def arn(self, revision: str) -> str:
        """Return a revision's ARN by its family and number."""
        return next(arn for arn in self.ecs.tags if arn.endswith(f"/{revision}"))

    def passed(self, name: str = "web") -> None:
        """Let what a service runs have passed its acceptance."""
        self.ecs.tags[self.ecs.services[f"staging-{name}"].definition]["slipway:result"] = "passed 2026-11-26T00:00:00Z"

    def said(self, words: str) -> bool:
        """Tell whether a progress line has the words."""
        return any(words in line for line in self.lines)
