"""The rule that an ARN in the stack file names something of the stack's region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.config.errors import Location, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.config.stack import StackConfig

REGIONAL: dict[Location, str] = {
    ("environment", "alarm_topic_arn"): "CloudWatch alarms publish to topics of their own region",
    ("environment", "load_balancer", "certificate_arn"): "a load balancer takes certificates of its own region",
    ("pipeline", "topic_key_arn"): "SNS takes a key of the topic's region",
    ("pipeline", "chat_webhook_secret_arn"): "secrets are read in the stack's region",
    ("pipeline", "github_token_secret_arn"): "secrets are read in the stack's region",
    ("pipeline", "fleet_arn"): "CodeBuild takes a fleet of its own region",
}
"""Why what each key names has to be in the stack's region."""


def check(config: StackConfig) -> Iterator[Problem]:
    """Yield the problems of ARNs of another region; without a region there are none, since that is a problem itself."""
    for location, why in REGIONAL.items():
        arn: object = config
        for part in location:
            arn = getattr(arn, str(part), None)
        if isinstance(arn, str) and config.region and arn.split(":")[3] != config.region:
            rule = f"{why}, {config.region}; name one of there"
            yield Problem.invalid(location, arn, rule, (("aws:region",),))
