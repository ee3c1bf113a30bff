"""A strict stand-in for Pulumi's engine: it records what is registered and knows only what it was told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]
import pulumi
from google.protobuf import json_format  # type: ignore[import-untyped]
from pulumi.runtime import mocks, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ACCOUNT = "000000000000"
REGION = "eu-central-1"
DIGEST = "sha256:" + "1" * 64
TOKEN = "a token that differs on every call"
SECRET = "made by the cloud"
ZONES = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


class Refused(grpc.RpcError):  # type: ignore[misc]
    """What the engine answers when a provider fails: its message, which may have many lines."""

    def code(self) -> grpc.StatusCode:
        """Return the kind of failure."""
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        """Return the provider's message."""
        return str(self.args[0])


@dataclass(frozen=True)
class Registered:
    """One resource that the program asked for."""

    type: str
    name: str
    inputs: dict[str, Any]
    ignored: list[str]
    protected: bool
    retained: bool


@dataclass
class FakeEngine(mocks.Mocks):
    """Records resources; an invoke that no answer is given for is an error, never an empty answer."""

    answers: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = field(default_factory=dict)
    stack_outputs: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    resources: list[Registered] = field(default_factory=list)
    options: dict[tuple[str, str], Any] = field(default_factory=dict)
    hooks: dict[str, Any] = field(default_factory=dict)
    checked: list[Any] = field(default_factory=list)
    """The services that the program checks at its end."""

    def register_resource_hook(self, hook: pulumi.ResourceHook) -> None:
        """Remember what is to be called before or after a resource is made."""
        self.hooks[hook.name] = hook

    def register_error_hook(self, hook: pulumi.ErrorHook) -> None:
        """Remember what is to be called when a resource cannot be made."""
        self.hooks[hook.name] = hook

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Answer an invoke from the table."""
        known = {**STANDARD_ANSWERS, **self.answers}
        if args.token not in known:
            raise NotImplementedError(f"no answer for {args.token}")
        return known[args.token](args.args), []

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Record a resource and give back its inputs with what the cloud would add."""
        if args.typ == "pulumi:pulumi:StackReference":
            outputs = self.stack_outputs[args.inputs["name"]]
            return args.name, {"name": args.inputs["name"], "outputs": outputs, "secretOutputNames": []}
        asked = self.options[args.typ, args.name]
        self.resources.append(
            Registered(
                args.typ,
                args.name,
                args.inputs,
                ignored=list(asked.ignoreChanges),
                protected=asked.protect,
                retained=asked.retainOnDelete,
            )
        )
        arn = f"arn:aws:test:{REGION}:{ACCOUNT}:{args.typ}/{args.name}"
        made = MADE_BY_CLOUD.get(args.typ, lambda _: {})(args.inputs)  # type: ignore[no-untyped-call]
        return f"{args.name}-id", {"arn": arn, "name": args.name, **args.inputs, **made}

    def of(self, kind: str) -> list[Registered]:
        """Return the resources of a type, by its last word: `Service` or `ecs/service:Service`."""
        return [one for one in self.resources if one.type.endswith((f":{kind}", f"/{kind}")) or one.type == kind]

    def one(self, kind: str, name: str | None = None) -> Registered:
        """Return the only resource of a type, or the only one with this name.

        Raises:
            LookupError: there is none, or more than one.
        """
        found = [one for one in self.of(kind) if name in (None, one.name)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} of {kind} {name or ''}: {[one.name for one in self.of(kind)]}")
        return found[0]


class Monitor(mocks.MockMonitor):
    """Keeps the options of each resource, which the mocks of Pulumi do not hand over."""

    def RegisterResource(self, request: Any) -> Any:  # noqa: ANN401, N802 - the name and types of the engine
        """Refuse a name taken twice, as the engine does; else remember the request and answer it as usual."""
        urn = self.make_urn(request.parent, request.type, request.name)
        if urn in self.resources:
            raise ValueError(f"two resources have the name {urn}")
        self.mocks.options[request.type, request.name] = request  # type: ignore[attr-defined]
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


def start(engine: FakeEngine, *, stack: str = "staging") -> FakeEngine:
    """Put the stand-in in the engine's place; never in preview, where asserts in an `.apply` would not run."""
    # Mocks need the thread's event loop, which an `asyncio.run` of an earlier test has taken away.
    asyncio.set_event_loop(asyncio.new_event_loop())
    settings.set_root_resource(None)  # type: ignore[arg-type]  # else the stack of an earlier run stays the parent
    pulumi.runtime.set_mocks(
        engine, project="slipway", stack=stack, preview=False, organization="organization", monitor=Monitor(engine)
    )
    settings.SETTINGS.callbacks = engine
    return engine


def run_to_end(program: Callable[[], object]) -> None:
    """Run a program on the stand-in engine until every registration and every output of it has landed."""
    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call]


def as_plain(message: Any) -> dict[str, Any]:  # noqa: ANN401 - protobuf has no static types here
    """Return a protobuf struct as Python values."""
    plain: dict[str, Any] = json_format.MessageToDict(message)
    return plain


STANDARD_ANSWERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": lambda _: {"names": ZONES},
    "aws:index/getRegion:getRegion": lambda _: {"region": REGION, "id": REGION},
    "aws:index/getPartition:getPartition": lambda _: {"partition": "aws", "id": "aws"},
    "aws:index/getCallerIdentity:getCallerIdentity": lambda _: {"accountId": ACCOUNT, "id": ACCOUNT},
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": lambda _: {
        "proxyEndpoint": f"https://{REGISTRY}",
        "userName": "AWS",
        "password": TOKEN,
    },
}

MADE_BY_CLOUD: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "aws:ecr/repository:Repository": lambda given: {
        "repositoryUrl": f"{REGISTRY}/{given['name']}",
        "registryId": ACCOUNT,
    },
    "docker:index/registryImage:RegistryImage": lambda _: {"sha256Digest": DIGEST},
    "aws:lb/loadBalancer:LoadBalancer": lambda _: {"dnsName": "balancer.example.test", "arnSuffix": "app/balancer/1"},
    "aws:s3/bucket:Bucket": lambda _: {"bucket": "made-by-the-cloud"},
    "aws:lb/targetGroup:TargetGroup": lambda _: {"arnSuffix": "targetgroup/targets/1"},
    "aws:codebuild/webhook:Webhook": lambda _: {"payloadUrl": "https://hooks.example.test/checks", "secret": SECRET},
    "aws:codepipeline/webhook:Webhook": lambda _: {"url": "https://hooks.example.test/source"},
    "aws:codeconnections/connection:Connection": lambda _: {"connectionStatus": "PENDING"},
    "aws:rds/instance:Instance": lambda _: {
        "address": "database.example.test",
        "masterUserSecrets": [{"secretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!db-1"}],
    },
}
