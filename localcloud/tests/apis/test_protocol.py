"""The server side of AWS's wire formats, tested with botocore's client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError
from starlette.requests import Request

from localcloud.gateway.protocol import Api, ApiError, service_model
from localcloud.gateway.wire import checking, reading
from localcloud.gateway.wire.writing import seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.awsrequest import AWSPreparedRequest


PIPELINE = "arn:aws:codepipeline:eu-central-1:000000000000:p"


class Raw:
    """A response body in botocore's interface."""

    def __init__(self, body: bytes) -> None:
        """Take the body."""
        self._body = body

    def stream(self) -> list[bytes]:
        """Return the body in one piece."""
        return [self._body]


class Handler:
    """Operations of several services with responses that the test sets."""

    def __init__(self) -> None:
        """Initialize without received parameters."""
        self.params: dict[str, Any] = {}
        self.result: dict[str, Any] = {}

    def answer(self, params: dict[str, Any]) -> dict[str, Any]:
        """Record the parameters and return the test's response."""
        self.params = params
        return self.result

    describe_services = create_rule = create_notification_rule = describe_load_balancers = update_service = answer

    def delete_service(self, _params: dict[str, Any]) -> None:
        """Raise an API error."""
        raise ApiError("ServiceNotFoundException", "Service not found.")

    def list_services(self, _params: dict[str, Any]) -> None:
        """Raise an unexpected exception, as a bug does."""
        raise KeyError("oops")


def connected(api: str, handler: object, **config: object) -> Any:
    """Return a boto3 client whose requests are passed to an Api directly."""
    server = type("Server", (Api,), {"api": api, "signing_name": api})([handler])
    client = boto3.client(
        api, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x", config=Config(**config)
    )

    def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        path, _, query = request.url.partition("://")[2].partition("/")[2].partition("?")
        headers = [
            (k.lower().encode(), v if isinstance(v, bytes) else str(v).encode()) for k, v in request.headers.items()
        ]
        scope = {"type": "http", "method": request.method, "path": f"/{path}", "query_string": query.encode(),
                 "headers": headers, "server": ("x", 80), "scheme": "http"}  # fmt: skip
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        response = asyncio.run(server.handle(Request(scope, receive)))
        return AWSResponse(request.url, response.status_code, dict(response.headers), Raw(bytes(response.body)))

    client.meta.events.register("before-send", send)
    return client


@pytest.fixture
def handler() -> Handler:
    """The operations with the test's responses."""
    return Handler()


def test_json_requests_arrive_as_the_client_gave_them(handler: Handler) -> None:
    """Lists, numbers and nested structures are preserved."""
    handler.result = {"services": [], "failures": []}
    connected("ecs", handler).describe_services(cluster="c", services=["a", "b"], include=["TAGS"])
    assert handler.params == {"cluster": "c", "services": ["a", "b"], "include": ["TAGS"]}


def test_times_in_json_keep_their_fractions(handler: Handler) -> None:
    """The provider compares createdAt with its start time: whole seconds would be earlier."""
    handler.result = {"services": [{"createdAt": 1700000000.123456, "unknownMember": 1}], "failures": []}
    service = connected("ecs", handler).describe_services(services=["a"])["services"][0]
    assert service["createdAt"].timestamp() == pytest.approx(1700000000.123456, abs=1e-6)
    assert "unknownMember" not in service


def test_query_requests_arrive_typed(handler: Handler) -> None:
    """The query protocol only has strings; the model gives lists, numbers and structures."""
    conditions = [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a/*", "/b?"]}}]
    actions = [{"Type": "fixed-response", "Order": 1, "FixedResponseConfig": {"StatusCode": "404"}}]
    connected("elbv2", handler).create_rule(ListenerArn="l", Priority=7, Conditions=conditions, Actions=actions)
    assert handler.params == {"ListenerArn": "l", "Priority": 7, "Conditions": conditions, "Actions": actions}


def test_query_responses_are_what_the_client_reads(handler: Handler) -> None:
    """XML by the output shape: lists, times, structures, empty lists."""
    handler.result = {"LoadBalancers": [{"LoadBalancerName": "a<b", "CreatedTime": 1700000000.5, "SecurityGroups": []}]}
    answer = connected("elbv2", handler).describe_load_balancers()
    balancer = answer["LoadBalancers"][0]
    assert balancer["LoadBalancerName"] == "a<b"
    assert balancer["CreatedTime"].timestamp() == 1700000000.5
    assert balancer["SecurityGroups"] == []


def test_rest_json_requests_find_their_operation_by_path(handler: Handler) -> None:
    """The path identifies the operation, the body contains the members."""
    handler.result = {"Arn": "arn:x"}
    given = {
        "Name": "n",
        "EventTypeIds": ["e"],
        "Resource": PIPELINE,
        "Targets": [{"TargetAddress": "t"}],
        "DetailType": "FULL",
    }
    answer = connected("codestar-notifications", handler).create_notification_rule(**given)
    assert answer["Arn"] == "arn:x"
    assert {name: handler.params[name] for name in given} == given


@pytest.mark.parametrize(
    ("call", "code", "text"),
    [
        (lambda ecs: ecs.delete_service(service="x"), "ServiceNotFoundException", "Service not found."),
        (lambda ecs: ecs.list_services(), "InternalFailure", "ecs ListServices"),
        (lambda ecs: ecs.list_clusters(), "UnsupportedOperation", "does not support ecs ListClusters"),
        (lambda ecs: ecs.update_service(service="x", propagateTags="ALL"), "ValidationException", "SERVICE"),
    ],
)
def test_every_error_is_a_4xx_that_says_what_is_wrong(
    handler: Handler, call: Callable[[Any], Any], code: str, text: str
) -> None:
    """Clients retry a 5xx for minutes, so that even internal errors must not be one."""
    with pytest.raises(ClientError) as caught:
        call(connected("ecs", handler))
    assert caught.value.response["Error"]["Code"] == code
    assert text in caught.value.response["Error"]["Message"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_query_error_carries_its_code(handler: Handler) -> None:
    """In the XML format, here for an unsupported operation."""
    with pytest.raises(ClientError) as caught:
        connected("elbv2", handler).describe_account_limits()
    assert caught.value.response["Error"]["Code"] == "UnsupportedOperation"


@pytest.mark.parametrize("given", [{"service": 1}, {}])
def test_parameters_against_the_model_are_refused_by_the_server(handler: Handler, given: dict[str, Any]) -> None:
    """Other clients than boto3 do not validate parameters."""
    with pytest.raises(ParamValidationError):
        connected("ecs", handler).update_service(**given)
    with pytest.raises(ClientError):
        connected("ecs", handler, parameter_validation=False).update_service(**given)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"service": "x", "nonsense": 1}, "nonsense"),
        ({"service": "x", "availabilityZoneRebalancing": "MAYBE"}, "must be one of ENABLED, DISABLED"),
        ({"service": "x", "desiredCount": "2"}, "desiredCount"),
    ],
)
def test_what_the_model_does_not_allow_is_named(params: dict[str, Any], text: str) -> None:
    """The message contains the parameter's name."""
    shape = service_model("ecs").operation_model("UpdateService").input_shape
    assert text in str(checking.problem(shape, params))


def test_a_body_that_is_no_json_is_refused() -> None:
    """With a clear error instead of a traceback."""
    with pytest.raises(reading.UnreadableError, match="not JSON"):
        reading.read_json(b"{")


def test_times_are_read_in_every_spelling() -> None:
    """Seconds, ISO strings and datetimes are equivalent."""
    assert seconds("2023-11-14T22:13:20+00:00") == seconds(1700000000) == 1700000000.0


def test_no_parameters_are_fine_where_the_model_has_none() -> None:
    """An operation may have no input shape."""
    assert checking.problem(None, {}) is None
    assert checking.problem(None, {"a": 1}) is not None
