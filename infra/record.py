"""The facts that an environment records of itself."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws


class Record(pulumi.ComponentResource):
    """A Parameter Store parameter that holds facts as JSON, for acceptance and delivery to read when they run.

    Args:
        name: of the environment, or of the service or pipeline in it.
        parameter: the parameter's name.
        payload: its value (`contract.facts`), which must hold no secret.
    """

    parameter: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        parameter: str,
        payload: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:Record", name, None, opts)
        record = aws.ssm.Parameter(
            name,
            name=parameter,
            type="String",
            insecure_value=payload,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.parameter = record.name
        self.register_outputs({"parameter": self.parameter})
