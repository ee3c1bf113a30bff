"""Links to the AWS console."""

from __future__ import annotations

HOSTS = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}
"""The console's domain by how a region's name begins (user guides of AWS China and AWS GovCloud)."""


def url(region: str, path: str) -> str:
    """Return the URL of a page of the AWS console, in the region's partition; `path` has no leading slash."""
    host = next((host for start, host in HOSTS.items() if region.startswith(start)), "console.aws.amazon.com")
    return f"https://{region}.{host}/{path}"
