"""The server side of an AWS API: parse, validate, dispatch and respond, all by botocore's service model.

A service is an `Api` with one or more handler objects; the operation `DescribeServices` is served by the first handler
with a method `describe_services(params) -> dict` (plain or async). No response is ever a 5xx: AWS clients retry
those for minutes.
"""

from __future__ import annotations

import inspect
import json
import logging
import uuid
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore import xform_name
from starlette.responses import Response

from localcloud.gateway.limits import LimitError
from localcloud.gateway.wire import checking, reading, writing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from botocore.model import OperationModel, ServiceModel
    from starlette.requests import Request

    from localcloud.context import Context

Params = dict[str, Any]
LOG = logging.getLogger(__name__)


class ApiError(Exception):
    """An error that is returned to the API's client."""

    def __init__(self, code: str, message: str, status: int = 400, **fields: object) -> None:
        """Create the error.

        Args:
            code: AWS's error code, e.g. "ClusterNotFoundException".
            message: one human-readable line.
            status: the HTTP status, 4xx.
            fields: additional members of the error's shape.
        """
        super().__init__(message)
        self.code, self.message, self.status, self.fields = code, message, status, fields


@cache
def service_model(api: str) -> ServiceModel:
    """Return botocore's model of a service, cached."""
    return botocore.session.get_session().get_service_model(api)


class Api:
    """Base class of our own services, which override `start`, `stop` and `reset` as needed."""

    api: str
    signing_name: str
    control: Callable[[Request], Awaitable[Response]] | None = None
    invalid_code = "ValidationException"
    """The error code of this service for invalid parameters."""

    def __init__(self, handlers: Sequence[object]) -> None:
        """Create the service from the handlers that implement its operations."""
        self.model = service_model(self.api)
        self._handlers = tuple(handlers)
        self._protocol = str(self.model.metadata["protocol"])

    async def start(self) -> None:
        """Do nothing: there is nothing to reconcile."""

    async def stop(self) -> None:
        """Do nothing: there is nothing to stop."""

    async def reset(self) -> None:
        """Do nothing: there is nothing to remove."""

    async def handle(self, request: Request) -> Response:
        """Handle one API request; any error becomes a 4xx that names the operation and the cause."""
        request_id, name = str(uuid.uuid4()), ""
        try:
            body = await request.body()
            name, params = self._read(request, body)
            result = await self.call(name, params)
            return self._answer(self.model.operation_model(name), result, request_id)
        except ApiError as error:
            return self._refuse(error, request_id)
        except LimitError as error:
            return self._refuse(ApiError(error.code, error.message), request_id)
        except reading.UnreadableError as error:
            return self._refuse(ApiError("SerializationException", f"{self.api}: {error}"), request_id)
        except Exception as error:  # a bug in an operation is returned as AWS's InternalFailure
            LOG.exception("%s %s failed", self.api, name)
            text = f"the local cloud failed in {self.api} {name}: {type(error).__name__}: {error}"
            return self._refuse(ApiError("InternalFailure", text), request_id)

    def _read(self, request: Request, body: bytes) -> tuple[str, Params]:
        """Return the operation's name and parameters.

        Raises:
            UnreadableError: the request, which is untrusted, cannot be parsed.
        """
        try:
            return self._parse(request, body)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise reading.UnreadableError(f"the request cannot be read: {type(error).__name__}: {error}") from error

    def _parse(self, request: Request, body: bytes) -> tuple[str, Params]:
        if self._protocol == "query":
            name, tree = reading.read_query(body.decode() or request.url.query)
            operation = self._operation(name)
            return name, reading.from_query(operation.input_shape, tree) if operation.input_shape else tree
        if self._protocol == "rest-json":
            path = request.scope.get("raw_path", b"").decode() or request.url.path  # raw: an ARN in it contains %2F
            name, uri = reading.rest_operation(self.model, request.method, path)
            operation = self._operation(name or f"{request.method} {path}")
            query = {key: request.query_params.getlist(key) for key in request.query_params}
            return name, reading.rest_parameters(operation, uri, query, request.headers, body)
        name = request.headers.get("x-amz-target", "").rpartition(".")[2]
        shape = self._operation(name).input_shape
        tree = reading.read_json(body)
        return name, reading.from_json(shape, tree)

    def _operation(self, name: str) -> OperationModel:
        if name not in self.model.operation_names:
            raise ApiError("UnknownOperationException", f"{self.api} has no operation {name!r}")
        return self.model.operation_model(name)

    def _method(self, name: str) -> Callable[[Params], Any]:
        for handler in self._handlers:
            method = getattr(handler, xform_name(name), None)
            if method is not None:
                return method  # type: ignore[no-any-return]  # getattr is untyped
        raise ApiError("UnsupportedOperation", f"the local cloud does not support {self.api} {name}")

    async def call(self, name: str, params: Params) -> Params:
        """Return the result of one operation, for a request or for another part of the local cloud.

        Raises:
            ApiError: the operation is not supported, a parameter is wrong, or the operation refuses.
        """
        method = self._method(name)
        wrong = checking.problem(self.model.operation_model(name).input_shape, params)
        if wrong:
            raise ApiError(self.invalid_code, f"{name}: {wrong}")
        result = method(params)
        if inspect.isawaitable(result):
            result = await result
        return result or {}

    def _answer(self, operation: OperationModel, result: Params, request_id: str) -> Response:
        headers = {"x-amzn-requestid": request_id}
        shape = operation.output_shape
        if self._protocol == "query":
            body = writing.query_response(operation, result, self._namespace, request_id)
            return Response(body, headers=headers, media_type="text/xml")
        if shape is not None and shape.serialization.get("payload"):
            member = shape.serialization["payload"]
            body = json.dumps(writing.to_json(shape.members[member], result.get(member))).encode()
        else:
            body = json.dumps(writing.to_json(shape, result) if shape else {}).encode()
        return Response(body, headers=headers, media_type=self._media_type)

    def _refuse(self, error: ApiError, request_id: str) -> Response:
        headers = {"x-amzn-requestid": request_id}
        if self._protocol == "query":
            body = writing.query_error(error.code, error.message, self._namespace, request_id)
            return Response(body, error.status, headers, media_type="text/xml")
        headers["x-amzn-errortype"] = error.code
        body = writing.json_error(error.code, error.message, error.fields)
        return Response(body, error.status, headers, media_type=self._media_type)

    @property
    def _namespace(self) -> str:
        return str(self.model.metadata.get("xmlNamespace", ""))

    @property
    def _media_type(self) -> str:
        if self._protocol == "rest-json":
            return "application/json"
        return f"application/x-amz-json-{self.model.metadata.get('jsonVersion', '1.1')}"


def arn(ctx: Context, service: str, resource: str) -> str:
    """Return the ARN of a resource in the local account and region."""
    return f"arn:aws:{service}:{ctx.region}:{ctx.account}:{resource}"
