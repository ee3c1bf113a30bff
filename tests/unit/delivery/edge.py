"""What is before and beside a fake ECS: the load balancer with its address, the registry, the parameters."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

from tests.unit.delivery.aws import ACCOUNT, REGION, FakeError, pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.delivery.ecs import Ecs, Task

HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
BALANCER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/staging/1"


@dataclass(kw_only=True)
class Balancer:
    """A load balancer whose targets are the tasks: an Elastic Load Balancing API, and an address that answers.

    `lies` says by digest what a task of that image answers instead of its version and digest: a text, or an HTTP code.
    """

    ecs: Ecs
    lies: dict[str, str | int] = field(default_factory=dict)
    strays: list[str] = field(default_factory=list)
    unhealthy: set[str] = field(default_factory=set)
    """Addresses of tasks that fail their health check although their deployment was successful."""
    pages: dict[str, tuple[int, str]] = field(default_factory=lambda: {"health": (200, "well")})
    """What a service answers at paths other than its version's."""
    paths: dict[str, str] = field(default_factory=dict)
    """The path below its service's at which an image tells its version, by digest, if it is not `version`."""
    balancers: list[str] = field(default_factory=lambda: [BALANCER])
    """The load balancers with the stack's tags; the services use the first."""
    turn: int = 0
    current: ClassVar[Balancer]

    @property
    def url(self) -> str:
        """Return the address."""
        Balancer.current = self
        return f"http://127.0.0.1:{server().server_port}"

    def _healthy(self, task: Task) -> bool:
        behaviour = self.ecs.behaviour.get(task.digest, "good")
        return task.status == "RUNNING" and behaviour not in ("never", "hangs") and task.address not in self.unhealthy

    def describe_target_health(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the targets of a group: the tasks of its service that came up."""
        service = (name := params["TargetGroupArn"].rpartition("/")[2]).removesuffix("-alt")
        tasks = [task for task in self.ecs.tasks if task.service == service and task.status == "RUNNING"]
        tasks = [task for task in tasks if task.alternate == (name != service)]
        rows = [(task.address, "healthy" if self._healthy(task) else "unhealthy") for task in tasks]
        rows += [(address, "healthy") for address in self.strays] + [("10.9.9.9", "draining")]
        return {
            "TargetHealthDescriptions": [
                {"Target": {"Id": address}, "TargetHealth": {"State": state}} for address, state in rows
            ]
        }

    def describe_rules(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the listener rule of a service, with the weights of its target groups."""
        (rule,) = params["RuleArns"]
        weights = self.ecs.services[rule.rpartition("/")[2]].weights
        groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
        return {
            "Rules": [{"RuleArn": rule, "Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]}]
        }

    def describe_target_groups(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the target groups of the services, by ARN."""
        held = {"HealthCheckPath": "/ready", "LoadBalancerArns": self.balancers[:1], "VpcId": "vpc-1"}
        return {"TargetGroups": [{"TargetGroupArn": arn, **held} for arn in params.get("TargetGroupArns", [])]}

    def describe_load_balancers(self, _: dict[str, Any]) -> dict[str, Any]:
        """Return the load balancers."""
        return {"LoadBalancers": [{"LoadBalancerArn": arn} for arn in self.balancers]}

    def describe_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the tags of load balancers, which are all of the stack."""
        tags = [{"Key": "project", "Value": "slipway"}, {"Key": "environment", "Value": "staging"}]
        return {"TagDescriptions": [{"ResourceArn": arn, "Tags": tags} for arn in params["ResourceArns"]]}

    def describe_load_balancer_attributes(self, _: dict[str, Any]) -> dict[str, Any]:
        """Return that none is protected."""
        return {"Attributes": [{"Key": "deletion_protection.enabled", "Value": "false"}]}

    def answer(self, path: str) -> tuple[int, str]:
        """Answer a request: a service's tasks take turns."""
        service = path.strip("/").partition("/")[0]
        tasks = [task for task in self.ecs.tasks if task.service == f"staging-{service}" and self._healthy(task)]
        if not tasks:
            return 503, ""
        self.turn += 1
        told = self.ecs.variables(tasks[self.turn % len(tasks)].definition)
        below = path.strip("/").partition("/")[2]
        if below != self.paths.get(told["IMAGE_DIGEST"], "version"):
            return self.pages.get(below, (404, ""))
        lie = self.lies.get(told["IMAGE_DIGEST"])
        if isinstance(lie, int):
            return lie, ""
        return 200, lie or json.dumps({"commit": told["APP_VERSION"], "digest": told["IMAGE_DIGEST"]})


class Handler(BaseHTTPRequestHandler):
    """Answers for the load balancer that was asked for its address last."""

    def do_GET(self) -> None:
        """Answer."""
        code, text = Balancer.current.answer(self.path)
        self.send_response(code)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Write no log."""


@cache
def server() -> ThreadingHTTPServer:
    """Return the one server of this process, started."""
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    return made


@dataclass(kw_only=True)
class Registry:
    """ECR: by repository and digest, the media type, manifest and tags of an image."""

    images: dict[str, dict[str, tuple[str, str, set[str]]]] = field(default_factory=dict)
    pushed: Callable[[], list[str]] = list
    """Returns the tags that Docker has pushed to slipway/web."""

    def digest(self, tag: str) -> str:
        """Return the digest of what Docker pushed under a tag."""
        return f"sha256:{hashlib.sha256(tag.encode()).hexdigest()}"

    def push(self, repository: str, digest: str, *tags: str, kind: str = "application/x", manifest: str = "") -> None:
        """Keep an image with tags."""
        self.images.setdefault(repository, {})[digest] = (kind, manifest or f"manifest of {digest}", set(tags))

    def tags(self, repository: str, digest: str) -> set[str]:
        """Return an image's tags."""
        return self.images[repository][digest][2]

    def _found(self, repository: str, wanted: dict[str, str]) -> str | None:
        if repository not in self.images:
            raise FakeError("RepositoryNotFoundException")
        for digest, (_, _, tags) in self.images[repository].items():
            if wanted.get("imageDigest") == digest or wanted.get("imageTag") in tags:
                return digest
        return None

    def describe_images(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return details of images: of one, or of all that have a tag."""
        repository, asked = params["repositoryName"], params.get("imageIds")
        for tag in self.pushed():
            self.push("slipway/web", self.digest(tag), tag)
        found = [self._found(repository, one) for one in asked] if asked else list(self.images[repository])
        if None in found:
            raise FakeError("ImageNotFoundException")
        held = [(one, sorted(self.tags(repository, one))) for one in found if one]
        shown = [(one, tags) for one, tags in held if tags or asked]
        rows = [{"imageDigest": one} | ({"imageTags": tags} if tags else {}) for one, tags in shown]
        return pages("imageDetails", rows, params)

    def batch_get_image(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return manifests; what is not there is a failure."""
        (asked,) = params["imageIds"]
        digest = self._found(params["repositoryName"], asked)
        if digest is None:
            return {"images": [], "failures": [{"imageId": asked, "failureCode": "ImageNotFound"}]}
        kind, manifest, _ = self.images[params["repositoryName"]][digest]
        assert kind in [*params.get("acceptedMediaTypes", []), "application/x"], "ECR would convert it"
        return {"images": [{"imageManifest": manifest, "imageManifestMediaType": kind}]}

    def put_image(self, params: dict[str, Any]) -> dict[str, Any]:
        """Give the image of a manifest a tag, which never moves."""
        repository, tag = params["repositoryName"], params["imageTag"]
        if self._found(repository, {"imageTag": tag}):
            raise FakeError("ImageTagAlreadyExistsException")
        for kind, manifest, tags in self.images[repository].values():
            if manifest == params["imageManifest"]:
                assert params.get("imageManifestMediaType") == kind
                tags.add(tag)
                return {}
        raise FakeError("InvalidParameterException", "no such manifest")

    def batch_delete_image(self, params: dict[str, Any]) -> dict[str, Any]:
        """Remove tags; an image goes with its last one."""
        repository = params["repositoryName"]
        for one in params["imageIds"]:
            digest = self._found(repository, one)
            assert digest
            self.tags(repository, digest).discard(one["imageTag"])
            if not self.tags(repository, digest):
                del self.images[repository][digest]
        return {"imageIds": params["imageIds"], "failures": []}

    def describe_repositories(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the repositories."""
        rows = [{"repositoryName": name, "repositoryArn": f"arn:repository/{name}"} for name in self.images]
        return pages("repositories", rows, params)

    def list_tags_for_resource(self, _: dict[str, Any]) -> dict[str, Any]:
        """Return that no repository has tags."""
        return {"tags": []}

    def get_authorization_token(self, _: dict[str, Any]) -> dict[str, Any]:
        """Return a login."""
        return {"authorizationData": [{"authorizationToken": "dG9rZW4="}]}


@dataclass(kw_only=True)
class Parameters:
    """Parameter Store: JSON by name."""

    values: dict[str, Any] = field(default_factory=dict)

    def get_parameters_by_path(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return what lies below a path, a page at a time."""
        path = params["Path"].rstrip("/") + "/"
        assert params.get("Recursive"), "the services lie a level below"
        rows = [
            {"Name": name, "Value": json.dumps(held)} for name, held in self.values.items() if name.startswith(path)
        ]
        return pages("Parameters", rows, params)
