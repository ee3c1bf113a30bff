"""The production traffic of services whose load balancers have an advancedConfiguration: who gets it, and shifts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError
from localcloud.iam.authority import DeniedError
from localcloud.services.ecs.strategies import groups_of, pair, weights

if TYPE_CHECKING:
    from localcloud.context import Context
    from localcloud.services.elbv2.shifting import Shifting
    from localcloud.services.elbv2.targets import Targets
    from localcloud.state.table import Doc

SERVICE, SESSION = "ecs.amazonaws.com", "ECSNetworkingWithELB"
"""The principal that an infrastructure role for load balancers has to trust, and the session's name."""


class Traffic:
    """Reads and shifts the weights of production listener rules."""

    def __init__(self, ctx: Context, targets: Targets, shifting: Shifting) -> None:
        """Use the load balancers' rules, and IAM for the infrastructure roles."""
        self._ctx, self._targets, self._shifting = ctx, targets, shifting

    def check(self, balancers: list[dict[str, Any]]) -> None:
        """Refuse load balancers whose production listener rule does not forward to both of their target groups.

        Raises:
            ApiError: ClientException or InvalidParameterException.
        """
        for balancer in balancers:
            own = balancer.get("advancedConfiguration")
            if not own:
                continue
            known = self._shifting.weights(own["productionListenerRule"])
            if not {*pair(balancer)} <= {*known}:
                text = "For Application LoadBalancer, testListenerRule is required when productionListenerRule is not"
                raise ApiError("ClientException", f"{text} associated with both targetGroup and alternateTargetGroup")

    def is_served(self, group: str) -> bool:
        """Tell whether a target group exists and a load balancer forwards to it."""
        return self._targets.is_served(group)

    def serving(self, balancers: list[Doc]) -> list[str]:
        """Return each load balancer's target group that gets the traffic: its own, unless the rule says otherwise."""
        found = []
        for balancer in balancers:
            first, second = pair(balancer)
            known = self._shifting.weights(rule_of(balancer))
            found.append(second if known.get(second, 0) > known.get(first, 0) else first)
        return found

    def check_change(self, running: list[str], after: list[dict[str, Any]]) -> None:
        """Refuse a canary deployment from target groups that its load balancers do not have.

        Raises:
            ApiError: UnsupportedFeatureException.
        """
        known = [group for balancer in after for group in pair(balancer)]
        for group in running:
            if group not in known:
                text = (
                    f"the local cloud does not support a canary deployment from target group {group}, which is neither"
                )
                raise ApiError("UnsupportedFeatureException", f"{text} targetGroupArn nor alternateTargetGroupArn")

    def check_removal(self, before: list[Doc], after: list[dict[str, Any]]) -> None:
        """Refuse to give up an advancedConfiguration while another target group gets the traffic.

        Raises:
            ApiError: UnsupportedFeatureException.
        """
        busy = [group for group in self.serving(before) if group not in [row.get("targetGroupArn") for row in after]]
        if busy:
            text = f"the local cloud does not support removing advancedConfiguration while {busy[0]} gets the traffic"
            remedy = "name it as targetGroupArn, or deploy once more, which moves the traffic to the other target group"
            raise ApiError("UnsupportedFeatureException", f"{text}: {remedy}")

    def shift(self, deployment: Doc, percent: float) -> bool:
        """Give a deployment's target groups a share of the traffic; call it until it returns that this is in effect."""
        blue, green = weights(percent)
        done = True
        for balancer, group in zip(deployment["loadBalancers"], groups_of(deployment), strict=True):
            wanted = {each: green if each == group else blue for each in pair(balancer)}
            done = self._shifting.shift(rule_of(balancer), wanted) and done
        return done

    def problem(self, deployment: Doc, *, settled: bool) -> str:
        """Return why ECS cannot shift traffic to a deployment, in AWS's words; empty if it can.

        Args:
            deployment: a canary deployment.
            settled: whether another deployment has all the traffic now.
        """
        for balancer in deployment["loadBalancers"]:
            rule, own = rule_of(balancer), pair(balancer)
            known = self._shifting.weights(rule)
            for group in own:
                if group not in known:
                    text = "is not associated with either productionListenerRule or testListenerRule."
                    return f"Target group {group} {text}"
            busy = [group for group, weight in known.items() if weight]
            for group in busy:
                if group not in own:
                    expected = f"targetGroupArn: {own[0]} or alternateTargetGroupArn: {own[1]}"
                    text = f"Production listener rule is forwarding traffic to unexpected target group {group}."
                    return f"{text} Expected traffic to be forwarded to either {expected}"
            if settled and len(busy) != 1:
                text = f"should have exactly one target group serving traffic but found {len(busy)} target groups"
                return f"productionListenerRule {rule} {text} which are serving traffic"
            if text := self._denied(balancer["advancedConfiguration"]["roleArn"], rule, own):
                return text
        return ""

    def _denied(self, role: str, rule: str, groups: tuple[str, str]) -> str:
        """Return that the infrastructure role does not let ECS manage load balancers; empty if it does."""
        iam, owner = self._ctx.iam, f"traffic {rule}"
        action, resource = self._shifting.owner(rule)
        asks = [(action, resource), *(("elasticloadbalancing:RegisterTargets", group) for group in groups)]
        try:
            session = iam.assume(role, SERVICE, SESSION, owner)
            for asked, on in [*asks, ("elasticloadbalancing:DescribeTargetHealth", "*")]:
                iam.require(session, asked, on)
        except DeniedError as error:
            text = "ECS was unable to manage the ELB resources due to missing permissions on ECS Infrastructure Role"
            return f"{text} '{role}'. {error}"
        finally:
            iam.sessions.end(owner)
        return ""


def rule_of(balancer: Doc) -> str:
    """Return a load balancer's production listener rule."""
    return str(balancer["advancedConfiguration"]["productionListenerRule"])
