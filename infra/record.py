"""The Parameter Store parameter with an environment's, service's or pipeline's facts."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws


class Record(pulumi.ComponentResource):
    """A Parameter Store parameter with facts as JSON, which `delivery` reads at run time.

    Args:
        name: of the environment, or of the service or pipeline in it.
        parameter: the parameter's name.
        payload: its value (`contract.facts`), without secrets.
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
        resource = aws.ssm.Parameter(
            name,
            name=parameter,
            type="String",
            insecure_value=payload,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.parameter = resource.name
        self.register_outputs({"parameter": self.parameter})
