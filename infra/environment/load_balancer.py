"""The application load balancer and its listeners."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.config.route_rules import REDIRECT_PRIORITY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config.environment import LoadBalancer as Section

HTTP, HTTPS = 80, 443
# AWS's recommended policy for TLS 1.2 and 1.3 (Application Load Balancers guide, "Security policies").
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
TO_HTTPS = {"protocol": "HTTPS", "port": str(HTTPS), "status_code": "HTTP_301"}


class LoadBalancer(pulumi.ComponentResource):
    """An internet-facing application load balancer, which returns 404 for paths without a listener rule.

    - a security group that allows the configured CIDR blocks on the listeners' ports only
    - an HTTP listener on port 80; with a certificate an HTTPS listener on 443, and 80 redirects to it (`redirect`)

    Args:
        name: of the environment.
        section: `slipway:environment.load_balancer`.
        vpc_id: of the network.
        subnet_ids: of the public subnets.
        log_bucket: name of the bucket for access logs; None for none.
    """

    listener_arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    metric_name: pulumi.Output[str]
    url: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        section: Section,
        *,
        vpc_id: pulumi.Input[str],
        subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]],
        log_bucket: pulumi.Input[str] | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:LoadBalancer", name, None, opts)
        self._name, self._section = name, section
        self._child = pulumi.ResourceOptions(parent=self)
        group = self._security_group(vpc_id)
        balancer = aws.lb.LoadBalancer(
            name,
            load_balancer_type="application",
            subnets=subnet_ids,
            security_groups=[group.id],
            drop_invalid_header_fields=True,
            idle_timeout=section.idle_timeout,
            enable_deletion_protection=section.deletion_protection,
            # Set even where they are off: the provider leaves an omitted block as it is (SuppressMissingOptional...).
            access_logs=aws.lb.LoadBalancerAccessLogsArgs(enabled=log_bucket is not None, bucket=log_bucket or ""),
            tags={"Name": name},
            # A target group can be attached to one load balancer only, so the old one is deleted before it is replaced.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.listener_arn = self._https(balancer) if section.certificate_arn else self._http(balancer)
        self.security_group_id, self.metric_name = group.id, balancer.arn_suffix
        self.url = (
            pulumi.Output.from_input(f"https://{section.domain_name}")
            if section.certificate_arn
            else pulumi.Output.concat("http://", balancer.dns_name)
        )
        self.register_outputs(
            {
                "listener_arn": self.listener_arn,
                "security_group_id": self.security_group_id,
                "metric_name": self.metric_name,
                "url": self.url,
            }
        )

    def _security_group(self, vpc_id: pulumi.Input[str]) -> aws.ec2.SecurityGroup:
        """Create the security group with its ingress rules; each service adds the egress rule to its tasks."""
        group = aws.ec2.SecurityGroup(
            f"{self._name}-lb",
            vpc_id=vpc_id,
            description="Load balancer: from the ranges allowed, to the services",
            opts=self._child,
        )
        for port in (HTTP, HTTPS) if self._section.certificate_arn else (HTTP,):
            for index, cidr in enumerate(self._section.allowed_cidrs):
                aws.vpc.SecurityGroupIngressRule(
                    f"{self._name}-lb-{port}-{index}",
                    security_group_id=group.id,
                    description=f"{'HTTPS' if port == HTTPS else 'HTTP'} from {cidr}",
                    cidr_ipv4=cidr,
                    ip_protocol="tcp",
                    from_port=port,
                    to_port=port,
                    opts=self._child,
                )
        return group

    def _http(self, balancer: aws.lb.LoadBalancer) -> pulumi.Output[str]:
        """Create the HTTP listener; return its ARN."""
        listener = aws.lb.Listener(
            f"{self._name}-http",
            load_balancer_arn=balancer.arn,
            port=HTTP,
            protocol="HTTP",
            default_actions=[_not_found()],
            opts=self._child,
        )
        return listener.arn

    def _https(self, balancer: aws.lb.LoadBalancer) -> pulumi.Output[str]:
        """Create the HTTPS listener, and the HTTP listener that redirects to it; return the HTTPS listener's ARN."""
        listener = aws.lb.Listener(
            f"{self._name}-https",
            load_balancer_arn=balancer.arn,
            port=HTTPS,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=self._section.certificate_arn,
            default_actions=[_not_found()],
            opts=self._child,
        )
        redirect = aws.lb.ListenerDefaultActionRedirectArgs(**TO_HTTPS)
        self._http_listener = aws.lb.Listener(
            f"{self._name}-http",
            load_balancer_arn=balancer.arn,
            port=HTTP,
            protocol="HTTP",
            default_actions=[aws.lb.ListenerDefaultActionArgs(type="redirect", redirect=redirect)],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[listener]),
        )
        return listener.arn

    def redirect(self, services: Sequence[pulumi.Resource]) -> None:
        """With a certificate, redirect all requests by HTTP to HTTPS by a listener rule too; without, create nothing.

        The default action redirects as well, but it changes before the rules of the services move to the other
        listener. This rule is created after them and, once the certificate is gone, deleted after them: a request by
        HTTP is always either redirected or forwarded.

        Args:
            services: those whose rules have to be on the HTTPS listener before.
        """
        if not self._section.certificate_arn:
            return
        paths = aws.lb.ListenerRuleConditionPathPatternArgs(values=["/*"])
        to_https = aws.lb.ListenerRuleActionRedirectArgs(**TO_HTTPS)
        aws.lb.ListenerRule(
            f"{self._name}-to-https",
            listener_arn=self._http_listener.arn,
            priority=REDIRECT_PRIORITY,
            conditions=[aws.lb.ListenerRuleConditionArgs(path_pattern=paths)],
            actions=[aws.lb.ListenerRuleActionArgs(type="redirect", redirect=to_https)],
            opts=pulumi.ResourceOptions(parent=self, depends_on=services),
        )


def _not_found() -> aws.lb.ListenerDefaultActionArgs:
    """Return the default action for paths without a listener rule: a fixed 404 response."""
    response = aws.lb.ListenerDefaultActionFixedResponseArgs(
        content_type="text/plain", message_body="no service here", status_code="404"
    )
    return aws.lb.ListenerDefaultActionArgs(type="fixed-response", fixed_response=response)
