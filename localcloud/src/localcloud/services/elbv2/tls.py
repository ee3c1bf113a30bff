"""Protocol, certificate and security policy of listeners: validation, and the form in which AWS returns them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError, Params

if TYPE_CHECKING:
    from localcloud.context import Context
    from localcloud.state.table import Doc

POLICIES = {
    "ELBSecurityPolicy-2016-08": ("TLSv1.0", "TLSv1.2"),
    "ELBSecurityPolicy-FS-2018-06": ("TLSv1.0", "TLSv1.2"),
    "ELBSecurityPolicy-FS-1-1-2019-08": ("TLSv1.1", "TLSv1.2"),
    "ELBSecurityPolicy-FS-1-2-2019-08": ("TLSv1.2", "TLSv1.2"),
    "ELBSecurityPolicy-FS-1-2-Res-2019-08": ("TLSv1.2", "TLSv1.2"),
    "ELBSecurityPolicy-FS-1-2-Res-2020-10": ("TLSv1.2", "TLSv1.2"),
    "ELBSecurityPolicy-TLS-1-0-2015-04": ("TLSv1.0", "TLSv1.2"),
    "ELBSecurityPolicy-TLS-1-1-2017-01": ("TLSv1.1", "TLSv1.2"),
    "ELBSecurityPolicy-TLS-1-2-2017-01": ("TLSv1.2", "TLSv1.2"),
    "ELBSecurityPolicy-TLS-1-2-Ext-2018-06": ("TLSv1.2", "TLSv1.2"),
    "ELBSecurityPolicy-TLS13-1-0-2021-06": ("TLSv1.0", "TLSv1.3"),
    "ELBSecurityPolicy-TLS13-1-1-2021-06": ("TLSv1.1", "TLSv1.3"),
    "ELBSecurityPolicy-TLS13-1-2-2021-06": ("TLSv1.2", "TLSv1.3"),
    "ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06": ("TLSv1.2", "TLSv1.3"),
    "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06": ("TLSv1.2", "TLSv1.3"),
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06": ("TLSv1.2", "TLSv1.3"),
    "ELBSecurityPolicy-TLS13-1-3-2021-06": ("TLSv1.3", "TLSv1.3"),
}
"""The lowest and the highest version of TLS by policy (Application Load Balancers guide, "Security policies"); the
ciphers are OpenSSL's own. Those for FIPS 140-3 and post-quantum key exchange are refused by name."""
DEFAULT_POLICY = "ELBSecurityPolicy-2016-08"
"""Of a listener that is created by the API without one (likewise)."""
NOT_SERVED = ("AlpnPolicy",)


async def settings(ctx: Context, params: Params, stands: Doc | None = None) -> Doc:
    """Return Protocol, Certificates, SslPolicy and MutualAuthentication of a listener that is created or changed.

    A change to HTTP drops what belongs to HTTPS, as on AWS.

    Args:
        ctx: the local cloud, with its certificates.
        params: of CreateListener or ModifyListener.
        stands: the listener that is changed.

    Raises:
        ApiError: AWS would refuse it, or the local cloud does not support it.
    """
    before = stands or {}
    protocol = params.get("Protocol") or before.get("Protocol") or "HTTP"
    refuse(params, protocol)
    if protocol == "HTTP":
        return {"Protocol": protocol}
    given = params.get("Certificates") or before.get("Certificates") or []
    if not given:
        raise ApiError("ValidationError", "A certificate must be specified for HTTPS listeners")
    if len(given) > 1:
        raise ApiError("TooManyCertificates", "You can specify only one certificate when you create a listener")
    policy = params.get("SslPolicy") or before.get("SslPolicy") or DEFAULT_POLICY
    if policy not in POLICIES:
        raise ApiError(
            "SSLPolicyNotFound", f"SSL policy '{policy}' not found; the local cloud has {', '.join(POLICIES)}"
        )
    arn = given[0].get("CertificateArn", "")
    try:  # issued here, if need be: that takes a moment, and what is written later finds it
        await asyncio.to_thread(ctx.certificates.pem, arn)
    except LookupError as error:
        raise ApiError("CertificateNotFound", f"Certificate '{arn}' not found") from error
    except ValueError as error:
        raise ApiError("UnsupportedCertificate", f"The certificate '{arn}' cannot be used: {error}") from error
    return {
        "Protocol": protocol,
        "Certificates": [{"CertificateArn": arn}],
        "SslPolicy": policy,
        "MutualAuthentication": {"Mode": "off"},
    }


def refuse(params: Params, protocol: str) -> None:
    """Refuse what does not go with the protocol, and what is not supported.

    Raises:
        ApiError: with AWS's words, or naming the parameter.
    """
    if protocol not in ("HTTP", "HTTPS"):
        raise ApiError("ValidationError", f"Listener protocol '{protocol}' must be one of 'HTTPS, HTTP'")
    for name in NOT_SERVED:
        if params.get(name):
            raise ApiError("UnsupportedOperation", f"the local cloud does not support {name}")
    if (params.get("MutualAuthentication") or {}).get("Mode", "off") != "off":
        raise ApiError("UnsupportedOperation", "the local cloud does not support MutualAuthentication")
    if protocol == "HTTP" and params.get("Certificates"):
        raise ApiError("ValidationError", "A certificate cannot be specified for HTTP listeners")
    if protocol == "HTTP" and params.get("SslPolicy"):
        raise ApiError("ValidationError", "An SSL policy cannot be specified for HTTP listeners")


def certificate(listener: Doc) -> str | None:
    """Return the ARN of the certificate of an HTTPS listener, None for an HTTP listener."""
    given: list[dict[str, Any]] = listener.get("Certificates") or []
    return given[0]["CertificateArn"] if given else None
