"""The types of ARNs that a stack file has."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

SecretArn = Annotated[
    str,
    Field(
        pattern=r"^arn:[a-z-]+:(secretsmanager:[a-z0-9-]+:\d{12}:secret:.+|ssm:[a-z0-9-]+:\d{12}:parameter/[\w./-]+)$"
    ),
]
"""What ECS reads for a container: a secret, with `:key:stage:version` behind it or not, or a parameter (Amazon ECS API,
Secret)."""
KeyArn = Annotated[str, Field(pattern=r"^arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+$")]
"""A KMS key; an alias is not what IAM policies name."""
