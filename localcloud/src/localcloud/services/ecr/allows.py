"""Authorization of pushes and pulls: maps registry requests to IAM actions.

Source: the Amazon ECR user guide, "Private repository policies" and "Required permissions for pushing images".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.iam.authority import OPERATOR
from localcloud.iam.policies import Ask

if TYPE_CHECKING:
    from starlette.requests import Request

    from localcloud.iam.authority import Authority

ACTIONS = {
    ("HEAD", "blobs"): "BatchCheckLayerAvailability",
    ("GET", "blobs"): "GetDownloadUrlForLayer",
    ("POST", "uploads"): "InitiateLayerUpload",
    ("GET", "uploads"): "UploadLayerPart",
    ("PATCH", "uploads"): "UploadLayerPart",
    ("DELETE", "uploads"): "UploadLayerPart",
    ("PUT", "uploads"): "CompleteLayerUpload",
    ("HEAD", "manifests"): "BatchGetImage",
    ("GET", "manifests"): "BatchGetImage",
    ("PUT", "manifests"): "PutImage",
    ("DELETE", "manifests"): "BatchDeleteImage",
    ("GET", "tags"): "ListImages",
}


def is_known(iam: Authority, principal: str) -> bool:
    """Tell whether a token's principal is still valid: a build's tokens expire with the build."""
    return principal == OPERATOR or iam.principal(principal) is not None


def refusal(iam: Authority, principal: str, request: Request, name: str | None) -> str:
    """Return AWS's message if a request is denied; "" if it is allowed.

    Args:
        iam: the authority that decides.
        principal: the principal of the request's token.
        request: the registry request.
        name: the repository's name; None if the request is for none.
    """
    if name is None:
        return ""
    parts = request.url.path.removeprefix(f"/v2/{name}/").split("/")
    kind = "uploads" if parts[:2] == ["blobs", "uploads"] else parts[0]
    actions = [ACTIONS[request.method, kind]]
    if actions == ["InitiateLayerUpload"] and "digest" in request.query_params:
        actions += ["UploadLayerPart", "CompleteLayerUpload"]
    return asked(iam, principal, actions, name)


def reads(iam: Authority, principal: str, name: str) -> bool:
    """Tell whether the principal may read a repository's layers, as a cross-repository mount requires."""
    return not asked(iam, principal, ["BatchCheckLayerAvailability", "GetDownloadUrlForLayer"], name)


def asked(iam: Authority, principal: str, actions: list[str], name: str) -> str:
    """Return AWS's message if one of several actions on a repository is denied; "" if all are allowed."""
    if principal == OPERATOR:
        return ""
    session = iam.principal(principal)
    if session is None:
        return "the token's credentials have ended"
    resource = f"arn:aws:ecr:{iam.region}:{iam.account}:repository/{name}"
    return iam.refusal(session, [Ask(action=f"ecr:{action}", resource=resource) for action in actions])
