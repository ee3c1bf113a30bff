"""Errors in the wire format that the client's SDK expects, guessed from its request."""

from __future__ import annotations

import uuid
from xml.sax.saxutils import escape

import cbor2
from starlette.responses import JSONResponse, Response

STATUS = 400
"""Never a 5xx: SDKs and the provider would try again for up to 10 minutes."""
REST_XML = ("s3", "cloudfront", "route53")
"""Services without a form that speak XML; all others speak JSON."""


def refusal(headers: dict[str, str], code: str, message: str) -> Response:
    """Return an error answer with the code and message.

    Args:
        headers: the request's, names in lower case; they tell the protocol.
        code: AWS's error code.
        message: one line: thing, rule, remedy.
    """
    kind = headers.get("content-type", "")
    identifier = str(uuid.uuid4())
    if headers.get("smithy-protocol") == "rpc-v2-cbor":
        content = cbor2.dumps({"__type": code, "message": message})
        return Response(content, STATUS, {"smithy-protocol": "rpc-v2-cbor"}, "application/cbor")
    signed = headers.get("authorization", "")
    form = kind.startswith("application/x-www-form-urlencoded")
    if not form and "/aws4_request" in signed and not any(f"/{name}/aws4_request" in signed for name in REST_XML):
        body = {"__type": code, "message": message}
        return JSONResponse(body, STATUS, {"x-amzn-errortype": code, "x-amzn-requestid": identifier})
    inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if form:
        if "/ec2/aws4_request" in signed:
            xml = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{identifier}</RequestID></Response>"
        else:
            error = f"<Error><Type>Sender</Type>{inner}</Error><RequestId>{identifier}</RequestId>"
            xml = f"<ErrorResponse>{error}</ErrorResponse>"
    else:
        xml = f"<Error>{inner}<RequestId>{identifier}</RequestId></Error>"
    return Response(xml, STATUS, media_type="text/xml")
