"""AWS in memory, behind boto3's own clients.

A request is checked and an answer validated by botocore's models of the services, so that a fake cannot drift from the
API: members, types, values of enumerations, and which errors an operation has. Nothing goes over the network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import boto3
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.validate import validate_parameters

from delivery.session import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNT, REGION = "123456789012", "eu-west-1"
START = 1_800_000_000.0  # of the made-up time, in seconds since 1970
COMMON = {"ThrottlingException", "AccessDeniedException", "InternalFailure", "ClientException"}
UNMODELLED = {"DependencyViolation", "InvalidIPAddress.InUse", "AuthFailure"}
"""Errors of EC2, whose model has none."""
PAGE = 2  # items a page: few, so that who does not read on is found out


class FakeError(Exception):
    """An error that an operation answers with."""

    def __init__(self, code: str, message: str = "made up") -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Time:
    """A time that passes only when somebody waits; what is planned happens then."""

    now: float = START
    plans: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    slept: float = 0.0
    planned: int = 0

    def at(self, seconds: float, plan: Callable[[], None]) -> None:
        """Plan something for so many seconds from now."""
        self.planned += 1
        self.plans.append((self.now + seconds, self.planned, plan))

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        assert seconds > 0, "a wait without a pause would never end here"
        end = self.now + seconds
        self.slept += seconds
        assert self.slept < 6 * 3600, "it waits for hours"
        while due := sorted(plan for plan in self.plans if plan[0] <= end):
            self.plans.remove(due[0])
            self.now = max(self.now, due[0][0])
            due[0][2]()
        self.now = end

    def clock(self) -> Clock:
        """Return what delivery waits by."""
        return Clock(now=lambda: self.now - START, today=lambda: self.now, sleep=self.sleep)


@dataclass
class Aws:
    """The services in use by name, the calls that were made, and the errors that are planned."""

    time: Time = field(default_factory=Time)
    services: dict[str, object] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    errors: list[tuple[str, FakeError]] = field(default_factory=list)
    hooks: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What happens once, right before an operation answers."""
    current: ClassVar[Aws]

    def __call__(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no static type
        """Return a client whose requests this answers."""
        Aws.current = self
        return made(service)

    def fail(self, operation: str, code: str, times: int = 1) -> None:
        """Let the next calls of an operation end with an error."""
        self.errors += [(operation, FakeError(code))] * times

    def asked(self, operation: str) -> list[dict[str, Any]]:
        """Return the parameters of an operation's calls."""
        return [params for name, params in self.calls if name == operation]

    def answer(self, service: str, model: Any, params: dict[str, Any]) -> tuple[AWSResponse, dict[str, Any]]:  # noqa: ANN401 - botocore's
        """Answer a call."""
        self.calls.append((model.name, params))
        if hook := self.hooks.pop(model.name, None):
            hook()
        try:
            for planned in self.errors:
                if planned[0] == model.name:
                    self.errors.remove(planned)
                    raise planned[1]
            method = getattr(self.services[service], xform_name(model.name))
            answer = method(params) or {}
        except FakeError as error:
            return AWSResponse(None, 400, {}, None), refusal(model, error)
        if model.output_shape is None:
            assert not answer, model.name
        else:
            validate_parameters(answer, model.output_shape)
            check_values(answer, model.output_shape)
        return AWSResponse(None, 200, {}, None), answer | {"ResponseMetadata": {"HTTPStatusCode": 200}}


def refusal(model: Any, error: FakeError) -> dict[str, Any]:  # noqa: ANN401 - botocore's
    """Return the answer that makes botocore raise an error, which must be one of the operation's."""
    unmodelled = UNMODELLED if model.service_model.service_name == "ec2" else set()
    assert error.code in COMMON | unmodelled | {shape.error_code for shape in model.error_shapes}, (
        model.name,
        error.code,
    )
    return {"Error": {"Code": error.code, "Message": str(error)}, "ResponseMetadata": {"HTTPStatusCode": 400}}


def check_values(value: Any, shape: Any) -> None:  # noqa: ANN401 - botocore's shapes and their values
    """Assert that every text of an enumeration is one of its values, which botocore leaves unchecked."""
    if shape.type_name == "structure":
        for name, held in value.items():
            check_values(held, shape.members[name])
    elif shape.type_name == "list":
        for held in value:
            check_values(held, shape.member)
    elif shape.type_name == "string" and shape.enum:
        assert value in shape.enum, (shape.name, value)


@cache
def made(service: str) -> Any:  # noqa: ANN401 - boto3's clients have no static type
    """Return boto3's client of a service, made once a process: whoever asked for it last answers."""
    session = boto3.session.Session(region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
    client = session.client(service)
    events = client.meta.events

    def remember(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        context["asked"] = params

    def respond(model: Any, context: dict[str, Any], **_: object) -> tuple[AWSResponse, dict[str, Any]]:  # noqa: ANN401
        return Aws.current.answer(service, model, context["asked"])

    events.register_last("before-parameter-build.*.*", remember)
    events.register("before-call.*.*", respond)
    return client


def pages(name: str, items: list[Any], params: dict[str, Any]) -> dict[str, Any]:
    """Return a page of a list, with the token of the next one where there is one."""
    start = int(params.get("nextToken") or params.get("NextToken") or 0)
    token = "NextToken" if name[0].isupper() else "nextToken"
    shown = {name: items[start : start + PAGE]}
    return shown | ({token: str(start + PAGE)} if start + PAGE < len(items) else {})
