"""Operations on listeners and rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError, Params
from localcloud.services.elbv2 import attributes, tls
from localcloud.services.elbv2.actions import full_actions, full_conditions
from localcloud.services.elbv2.state import new_id, select, tag_map

if TYPE_CHECKING:
    from localcloud.services.elbv2.proxies import Proxies
    from localcloud.services.elbv2.state import State
    from localcloud.state.table import Doc

PRIORITY_AT_MOST = 50000


class Listeners:
    """Create, describe, change and delete listeners and rules; each change reloads the proxy without downtime."""

    def __init__(self, state: State, proxies: Proxies) -> None:
        """Use ELBv2's documents and the proxies."""
        self._state, self._proxies = state, proxies

    async def create_listener(self, params: Params) -> Params:
        """Open a port on the load balancer's address."""
        balancer = self._state.balancer(params["LoadBalancerArn"])
        port = params.get("Port")
        if port is None:
            raise ApiError("ValidationError", "A listener port must be specified")
        self._free(balancer["LoadBalancerArn"], port, "")
        settings = await tls.settings(self._state.ctx, params)
        path = balancer["LoadBalancerArn"].split(":loadbalancer/")[1]
        key = self._state.arn(f"listener/{path}/{new_id()}")
        doc: Doc = {
            "ListenerArn": key,
            "LoadBalancerArn": balancer["LoadBalancerArn"],
            "Port": port,
            **settings,
            "DefaultActions": full_actions(self._state, balancer["LoadBalancerArn"], params["DefaultActions"]),
            "DefaultRule": self._state.arn(f"listener-rule/{key.split(':listener/')[1]}/{new_id()}"),
            "Attributes": dict(attributes.LISTENER),
            "Tags": tag_map(params.get("Tags")),
        }
        self._state.listeners.put(key, doc)
        await self._apply(doc)
        return {"Listeners": [doc]}

    def describe_listeners(self, params: Params) -> Params:
        """Return listeners by ARN or load balancer."""
        if "LoadBalancerArn" in params:
            balancer = self._state.balancer(params["LoadBalancerArn"])
            return {"Listeners": self._state.listeners_of(balancer["LoadBalancerArn"])}
        return {
            "Listeners": select(
                self._state.listeners, "ARN", params.get("ListenerArns"), "ListenerNotFound", "Listener"
            )
        }

    async def modify_listener(self, params: Params) -> Params:
        """Change port, protocol, certificate, security policy or default action."""
        doc = self._state.listener(params["ListenerArn"])
        settings = await tls.settings(self._state.ctx, params, doc)
        if "Port" in params:
            self._free(doc["LoadBalancerArn"], params["Port"], doc["ListenerArn"])
            doc["Port"] = params["Port"]
        if "DefaultActions" in params:
            doc["DefaultActions"] = full_actions(self._state, doc["LoadBalancerArn"], params["DefaultActions"])
        for name in ("Certificates", "SslPolicy", "MutualAuthentication"):
            doc.pop(name, None)
        doc.update(settings)
        self._state.listeners.save(doc["ListenerArn"])
        await self._apply(doc)
        return {"Listeners": [doc]}

    async def delete_listener(self, params: Params) -> None:
        """Close the port and drop the rules."""
        doc = self._state.listener(params["ListenerArn"])
        for rule in self._state.rules_of(doc["ListenerArn"]):
            self._state.rules.delete(rule["RuleArn"])
        self._state.listeners.delete(doc["ListenerArn"])
        await self._apply(doc)

    async def create_rule(self, params: Params) -> Params:
        """Add a rule at a free priority."""
        listener = self._state.listener(params["ListenerArn"])
        refuse_transforms(params)
        self._free_priority(listener["ListenerArn"], params["Priority"], "")
        key = self._state.arn(f"listener-rule/{listener['ListenerArn'].split(':listener/')[1]}/{new_id()}")
        doc: Doc = {
            "RuleArn": key,
            "ListenerArn": listener["ListenerArn"],
            "Priority": str(params["Priority"]),
            "Conditions": full_conditions(params["Conditions"]),
            "Actions": full_actions(self._state, listener["LoadBalancerArn"], params["Actions"]),
            "IsDefault": False,
            "Tags": tag_map(params.get("Tags")),
        }
        self._state.rules.put(key, doc)
        await self._apply(listener)
        return {"Rules": [doc]}

    def describe_rules(self, params: Params) -> Params:
        """Return rules by ARN, or a listener's rules, default rule last."""
        if "ListenerArn" in params:
            listener = self._state.listener(params["ListenerArn"])
            return {"Rules": [*self._state.rules_of(listener["ListenerArn"]), default_rule(listener)]}
        defaults = {listener["DefaultRule"]: default_rule(listener) for listener in self._state.listeners.values()}
        return {"Rules": [defaults.get(key) or self._state.rule(key) for key in params.get("RuleArns", [])]}

    async def modify_rule(self, params: Params) -> Params:
        """Change conditions or action."""
        doc = self._state.rule(params["RuleArn"])
        refuse_transforms(params)
        listener = self._state.listener(doc["ListenerArn"])
        if "Conditions" in params:
            doc["Conditions"] = full_conditions(params["Conditions"])
        if "Actions" in params:
            doc["Actions"] = full_actions(self._state, listener["LoadBalancerArn"], params["Actions"])
        self._state.rules.save(doc["RuleArn"])
        await self._apply(listener)
        return {"Rules": [doc]}

    async def delete_rule(self, params: Params) -> None:
        """Remove a rule; the default rule can only be removed with its listener."""
        if any(listener["DefaultRule"] == params["RuleArn"] for listener in self._state.listeners.values()):
            raise ApiError("OperationNotPermitted", f"Default rule '{params['RuleArn']}' cannot be deleted")
        doc = self._state.rule(params["RuleArn"])
        self._state.rules.delete(doc["RuleArn"])
        await self._apply(self._state.listener(doc["ListenerArn"]))

    async def set_rule_priorities(self, params: Params) -> Params:
        """Change the priorities of rules, all at once."""
        docs = [self._state.rule(pair["RuleArn"]) for pair in params["RulePriorities"]]
        wanted: dict[str, int] = {pair["RuleArn"]: pair["Priority"] for pair in params["RulePriorities"]}
        for doc in docs:
            others = [rule for rule in self._state.rules_of(doc["ListenerArn"]) if rule["RuleArn"] != doc["RuleArn"]]
            taken = {int(wanted.get(rule["RuleArn"]) or rule["Priority"]) for rule in others}
            if wanted[doc["RuleArn"]] in taken:
                raise ApiError("PriorityInUse", f"Priority '{wanted[doc['RuleArn']]}' is currently in use")
        for doc in docs:
            doc["Priority"] = str(wanted[doc["RuleArn"]])
            self._state.rules.save(doc["RuleArn"])
        for listener in {doc["ListenerArn"] for doc in docs}:
            await self._apply(self._state.listener(listener))
        return {"Rules": docs}

    async def _apply(self, listener: Doc) -> None:
        await self._proxies.apply(listener["LoadBalancerArn"])

    def _free(self, balancer: str, port: int, own: str) -> None:
        taken = {row["Port"] for row in self._state.listeners_of(balancer) if row["ListenerArn"] != own}
        if port in taken:
            raise ApiError("DuplicateListener", f"A listener already exists on port {port} for this load balancer")

    def _free_priority(self, listener: str, priority: int, own: str) -> None:
        if not 1 <= priority <= PRIORITY_AT_MOST:
            raise ApiError("ValidationError", f"'Priority' must be 1-{PRIORITY_AT_MOST}; it is {priority}")
        taken = {int(rule["Priority"]) for rule in self._state.rules_of(listener) if rule["RuleArn"] != own}
        if priority in taken:
            raise ApiError("PriorityInUse", f"Priority '{priority}' is currently in use")


def default_rule(listener: Doc) -> Doc:
    """Return a listener's default rule as in API responses."""
    return {
        "RuleArn": listener["DefaultRule"],
        "Priority": "default",
        "Conditions": [],
        "Actions": listener["DefaultActions"],
        "IsDefault": True,
    }


def refuse_transforms(params: Params) -> None:
    """Refuse rules with transforms (rewrites)."""
    if params.get("Transforms"):
        raise ApiError("UnsupportedOperation", "the local cloud does not support rule transforms")
