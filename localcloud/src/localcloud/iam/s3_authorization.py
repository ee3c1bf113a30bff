"""Maps an S3 request to what IAM has to authorize. Pure; a request that is not in the tables needs `s3:*`.

Source: AWS's Service Authorization Reference, "Amazon S3", and "Required permissions for Amazon S3 API operations".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

from localcloud.iam.policies import Ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.iam.conditions import Context

BUCKET = re.compile(r"/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)
UNKNOWN = [Ask(action="s3:AnyOther")]
"""Allowed only by a statement on all actions and resources."""
NO_MEANING = {
    "x-id", "list-type", "prefix", "delimiter", "max-keys", "continuation-token", "start-after", "encoding-type",
    "fetch-owner", "marker", "key-marker", "version-id-marker", "versionId", "partNumber", "uploadId", "max-parts",
    "part-number-marker", "max-uploads", "upload-id-marker", "response-content-type", "response-content-disposition",
    "response-cache-control", "response-content-encoding", "response-content-language", "response-expires",
}  # fmt: skip
"""Query parameters that do not select the action, or are handled separately."""
OF_BUCKETS = {
    ("GET", ""): "ListBucket", ("HEAD", ""): "ListBucket", ("PUT", ""): "CreateBucket", ("DELETE", ""): "DeleteBucket",
    ("GET", "versions"): "ListBucketVersions", ("GET", "uploads"): "ListBucketMultipartUploads",
    ("GET", "location"): "GetBucketLocation", ("GET", "acl"): "GetBucketAcl", ("PUT", "acl"): "PutBucketAcl",
    ("GET", "versioning"): "GetBucketVersioning", ("PUT", "versioning"): "PutBucketVersioning",
    ("GET", "policy"): "GetBucketPolicy", ("PUT", "policy"): "PutBucketPolicy",
    ("DELETE", "policy"): "DeleteBucketPolicy", ("GET", "tagging"): "GetBucketTagging",
    ("PUT", "tagging"): "PutBucketTagging", ("GET", "encryption"): "GetEncryptionConfiguration",
    ("PUT", "encryption"): "PutEncryptionConfiguration", ("GET", "lifecycle"): "GetLifecycleConfiguration",
    ("PUT", "lifecycle"): "PutLifecycleConfiguration", ("DELETE", "lifecycle"): "PutLifecycleConfiguration",
    ("DELETE", "encryption"): "PutEncryptionConfiguration", ("DELETE", "tagging"): "PutBucketTagging",
    ("GET", "publicAccessBlock"): "GetBucketPublicAccessBlock",
    ("PUT", "publicAccessBlock"): "PutBucketPublicAccessBlock",
    ("DELETE", "publicAccessBlock"): "PutBucketPublicAccessBlock",
    ("GET", "accelerate"): "GetAccelerateConfiguration", ("GET", "cors"): "GetBucketCORS",
    ("GET", "logging"): "GetBucketLogging", ("GET", "object-lock"): "GetBucketObjectLockConfiguration",
    ("GET", "ownershipControls"): "GetBucketOwnershipControls", ("GET", "replication"): "GetReplicationConfiguration",
    ("GET", "requestPayment"): "GetBucketRequestPayment", ("GET", "website"): "GetBucketWebsite",
}  # fmt: skip
OF_OBJECTS = {
    ("GET", ""): "GetObject", ("HEAD", ""): "GetObject", ("PUT", ""): "PutObject", ("DELETE", ""): "DeleteObject",
    ("GET", "acl"): "GetObjectAcl", ("PUT", "acl"): "PutObjectAcl", ("GET", "tagging"): "GetObjectTagging",
    ("PUT", "tagging"): "PutObjectTagging", ("DELETE", "tagging"): "DeleteObjectTagging",
    ("POST", "uploads"): "PutObject", ("GET", "attributes"): "GetObjectAttributes",
}  # fmt: skip
OF_UPLOADS = {
    "GET": "ListMultipartUploadParts",
    "PUT": "PutObject",
    "POST": "PutObject",
    "DELETE": "AbortMultipartUpload",
}
CONTROL_TAGS = "/v20180820/tags/"
OF_TAGS = {"GET": "ListTagsForResource", "POST": "TagResource", "DELETE": "UntagResource"}
"""The tags of a bucket by S3 Control, whose requests are signed for S3 too; the bucket's ARN ends the path."""
VERSIONED = {"GetObject", "DeleteObject", "GetObjectAcl", "PutObjectAcl", "GetObjectTagging", "PutObjectTagging"}
CHANGES_RIGHTS = re.compile(r"x-amz-(acl|grant-.+)")
REFUSED = re.compile(r"x-amz-(bypass-governance-retention|object-lock-.+|website-redirect-location|request-route)")


def asks(method: str, path: str, query: bytes, headers: Mapping[str, str]) -> list[Ask]:
    """Return everything that an S3 request must be authorized for.

    Args:
        method: the HTTP method.
        path: the decoded path, beginning with the bucket.
        query: the raw query string; in presigned URLs it may contain headers.
        headers: by lower-case name.
    """
    values = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    signed = {name.lower(): rows[0] for name, rows in values.items() if name.lower().startswith("x-amz-")}
    told = signed | dict(headers)
    others = [name for name in values if name.lower() not in signed]
    if path == "/":
        return [Ask(action="s3:ListAllMyBuckets")] if method == "GET" and not others else UNKNOWN
    if path.startswith(CONTROL_TAGS) and method in OF_TAGS:
        return [Ask(action=f"s3:{OF_TAGS[method]}", resource=path.removeprefix(CONTROL_TAGS))]
    found = BUCKET.fullmatch(path)
    chosen = [name for name in others if name not in NO_MEANING]
    if found is None or len(chosen) > 1 or any(len(rows) > 1 for rows in values.values()):
        return UNKNOWN
    if any(REFUSED.fullmatch(name) for name in told):
        return UNKNOWN
    sub = chosen[0] if chosen else ""
    if not found[2]:
        return of_bucket(method, sub, found[1], values)
    return of_object(method, sub, f"arn:aws:s3:::{found[1]}/{found[2]}", values, told)


def of_bucket(method: str, sub: str, bucket: str, values: Mapping[str, list[str]]) -> list[Ask]:
    """Return what a request on a bucket must be authorized for."""
    if (method, sub) == ("POST", "delete"):  # the keys are in the body, so all of them
        return [Ask(action=f"s3:{name}", resource=f"arn:aws:s3:::{bucket}/*") for name in DELETES]
    action = OF_BUCKETS.get((method, sub))
    if action is None:
        return UNKNOWN
    keys: Context = {f"s3:{name}": values[name][0] for name in ("prefix", "delimiter", "max-keys") if name in values}
    return [Ask(action=f"s3:{action}", resource=f"arn:aws:s3:::{bucket}", keys=keys)]


DELETES = ("DeleteObject", "DeleteObjectVersion")


def of_object(
    method: str, sub: str, resource: str, values: Mapping[str, list[str]], told: Mapping[str, str]
) -> list[Ask]:
    """Return what a request on an object must be authorized for."""
    action = OF_UPLOADS.get(method) if "uploadId" in values and not sub else OF_OBJECTS.get((method, sub))
    if action is None:
        return UNKNOWN
    if "versionId" in values and action in VERSIONED:
        action = action.replace("Object", "ObjectVersion", 1)
    found = [Ask(action=f"s3:{action}", resource=resource)]
    if sub == "attributes":
        found.append(Ask(action="s3:GetObject", resource=resource))
    if action == "PutObject":
        found += [Ask(action="s3:PutObjectAcl", resource=resource) for name in told if CHANGES_RIGHTS.fullmatch(name)]
        found += [Ask(action="s3:PutObjectTagging", resource=resource)] if "x-amz-tagging" in told else []
        found += copied(told["x-amz-copy-source"]) if "x-amz-copy-source" in told else []
    return found


def copied(source: str) -> list[Ask]:
    """Return what reading the source of a copy must be authorized for."""
    name, question, version = unquote(source).lstrip("/").partition("?")
    if "?" in version or source.startswith("arn:"):
        return UNKNOWN
    action = "s3:GetObjectVersion" if question else "s3:GetObject"
    return [Ask(action=action, resource=f"arn:aws:s3:::{name}")]
