"""Error responses in the wire format that the client's SDK expects, inferred from its request."""

from __future__ import annotations

import uuid
from xml.sax.saxutils import escape

import cbor2
from starlette.responses import JSONResponse, Response

STATUS = 400
"""Never a 5xx: SDKs and the AWS provider would retry for up to 10 minutes."""
REST_XML = ("s3", "cloudfront", "route53")
"""Services with an XML protocol other than query; all others use JSON."""


FORBIDDEN = 403
FORM = "application/x-www-form-urlencoded"
DENIALS = {
    "denied": ("AccessDenied", "AccessDenied", "AccessDeniedException"),
    "invalid": ("InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"),
    "expired": ("ExpiredToken", "ExpiredToken", "ExpiredTokenException"),
    "missing": ("AccessDenied", "MissingAuthenticationToken", "MissingAuthenticationTokenException"),
    "unreadable": ("InvalidRequest", "ValidationError", "ValidationException"),
}
"""AWS's error codes: of S3, of query-protocol services, of JSON-protocol services."""
OWN_DENIALS = {"ec2": "UnauthorizedOperation", "sns": "AuthorizationError"}


def denial(service: str, headers: dict[str, str], kind: str, message: str) -> Response:
    """Return the response to a request whose sender is not authorized, or not authenticated.

    Args:
        service: the service that the request is signed for, "" if unsigned.
        headers: the request's headers, by lower-case name.
        kind: a key of DENIALS.
        message: one line for the client.
    """
    s3, form, plain = DENIALS[kind]
    if service in ("s3", ""):
        return refusal(headers, s3, message, FORBIDDEN)
    if headers.get("content-type", "").startswith(FORM):
        code = OWN_DENIALS.get(service, form) if kind == "denied" else form
        return refusal(headers, code, message, FORBIDDEN)
    return refusal(headers, plain, message)


def refusal(headers: dict[str, str], code: str, message: str, status: int = STATUS) -> Response:
    """Return an error response with the code and message.

    Args:
        headers: the request's headers, by lower-case name; the protocol is inferred from them.
        code: AWS's error code.
        message: one line: what, which rule, remedy.
        status: the HTTP status.
    """
    kind = headers.get("content-type", "")
    identifier = str(uuid.uuid4())
    if headers.get("smithy-protocol") == "rpc-v2-cbor":
        content = cbor2.dumps({"__type": code, "message": message})
        return Response(content, status, {"smithy-protocol": "rpc-v2-cbor"}, "application/cbor")
    signed = headers.get("authorization", "")
    form = kind.startswith(FORM)
    if not form and "/aws4_request" in signed and not any(f"/{name}/aws4_request" in signed for name in REST_XML):
        body = {"__type": code, "message": message}
        return JSONResponse(body, status, {"x-amzn-errortype": code, "x-amzn-requestid": identifier})
    inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if form:
        if "/ec2/aws4_request" in signed:
            xml = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{identifier}</RequestID></Response>"
        else:
            error = f"<Error><Type>Sender</Type>{inner}</Error><RequestId>{identifier}</RequestId>"
            xml = f"<ErrorResponse>{error}</ErrorResponse>"
    else:
        xml = f"<Error>{inner}<RequestId>{identifier}</RequestId></Error>"
    return Response(xml, status, media_type="text/xml")
