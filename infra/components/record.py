"""What an environment says of itself at run time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordArgs:
    """The parameter's name and its facts, which must hold no secret."""

    parameter: str
    facts: Mapping[str, pulumi.Input[object]]


class Record(pulumi.ComponentResource):
    """A Parameter Store parameter that holds facts as JSON, for acceptance and delivery to read when they run."""

    parameter: pulumi.Output[str]

    def __init__(self, name: str, args: RecordArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:Record", name, None, opts)
        parameter = aws.ssm.Parameter(
            name,
            name=args.parameter,
            type="String",
            insecure_value=pulumi.Output.json_dumps(dict(args.facts), sort_keys=True),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.parameter = parameter.name
        self.register_outputs({"parameter": self.parameter})
