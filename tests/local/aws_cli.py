"""The `aws` command of the walk through docs/aws.md: one request by boto3, with names as the AWS CLI derives them.

The AWS CLI itself is not among what the tests install, since it pins another botocore.
"""

from __future__ import annotations

import json
import sys

import boto3
from botocore import xform_name


def main(service: str, operation: str, *options: str) -> None:
    """Send a request and print the answer as JSON; `file://` values are read, others are strings or JSON."""
    client = boto3.client(service)
    name = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[name]).input_shape
    members = {xform_name(member, "-"): (member, kind) for member, kind in shape.members.items()}
    given = {}
    for option, text in zip(options[::2], options[1::2], strict=True):
        member, kind = members[option.removeprefix("--")]
        value = open(text.removeprefix("file://")).read() if text.startswith("file://") else text  # noqa: PTH123, SIM115
        given[member] = value if kind.type_name == "string" else json.loads(value)
    print(json.dumps(getattr(client, name)(**given), default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
