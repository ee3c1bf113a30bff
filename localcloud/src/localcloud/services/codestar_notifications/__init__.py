"""CodeStar notification rules: publish a pipeline's state changes to SNS topics."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
import uuid
from typing import TYPE_CHECKING

from localcloud.gateway.protocol import Api, ApiError, Params, arn
from localcloud.services.clients import client
from localcloud.services.codestar_notifications.event_types import EVENT_TYPES, described, types_of
from localcloud.state.table import Doc, Table

if TYPE_CHECKING:
    from localcloud.context import Context

LOG = logging.getLogger(__name__)
SUBSCRIBED = "The target cannot be deleted because it is subscribed to one or more notification rules."
"""AWS's message; the Terraform provider retries while it is returned."""
SHOWN = ("Arn", "Name", "Resource", "DetailType", "CreatedBy", "Status", "CreatedTimestamp", "LastModifiedTimestamp")
TARGET_TYPES = ("SNS",)


class CodeStarNotifications(Api):
    """The service behind the signing name codestar-notifications."""

    api = "codestar-notifications"
    signing_name = "codestar-notifications"

    def __init__(self, ctx: Context) -> None:
        """Load the rules from the store."""
        self._ctx = ctx
        self._rules = Table(ctx.store, "codestarnotifications.rule")
        self._sending: set[asyncio.Task[None]] = set()
        super().__init__([self])

    async def stop(self) -> None:
        """Wait for messages that are being sent."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=5)

    async def reset(self) -> None:
        """Delete all rules."""
        self._rules.clear()

    def heard(self, event: Doc) -> None:
        """Publish a state change of CodePipeline to the topics of all rules that match it."""
        types = types_of(event)
        for rule in self._rules.values():
            if rule["Status"] != "ENABLED" or rule["Resource"] not in event["resources"]:
                continue
            if not set(types) & set(rule["EventTypeIds"]):
                continue
            message = event | {"notificationRuleArn": rule["Arn"], "detailType": event["detail-type"]}
            del message["detail-type"]
            if rule["DetailType"] != "FULL":
                message["additionalAttributes"] = {}
            for target in rule["Targets"]:
                task = asyncio.create_task(asyncio.to_thread(self._send, target["TargetAddress"], message))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)

    def _send(self, topic: str, message: Doc) -> None:
        """Publish one message; runs in a thread."""
        try:
            client(self._ctx, "sns").publish(TopicArn=topic, Message=json.dumps(message))
        except Exception as error:  # noqa: BLE001 - AWS, too, reports no failed delivery to a topic
            LOG.warning("%s: the topic %s took no message: %s", message["notificationRuleArn"], topic, error)

    def create_notification_rule(self, params: Params) -> Params:
        """Handle CreateNotificationRule; idempotent by the client request token."""
        check(params)
        for rule in self._rules.values():
            if rule["Name"] == params["Name"]:
                if params.get("ClientRequestToken") == rule.get("Token", ""):
                    return {"Arn": rule["Arn"]}
                text = f"A notification rule named {params['Name']} already exists: {rule['Arn']}"
                raise ApiError("ResourceAlreadyExistsException", text, 409)
        digest = hashlib.sha1(uuid.uuid4().bytes, usedforsecurity=False).hexdigest()
        key = arn(self._ctx, "codestar-notifications", f"notificationrule/{digest}")
        now = time.time()
        kept = {name: params[name] for name in ("Name", "EventTypeIds", "Resource", "DetailType")}
        self._rules.put(key, kept | {
            "Arn": key,
            "Targets": [{"TargetType": "SNS"} | target for target in params["Targets"]],
            "Status": params.get("Status", "ENABLED"),
            "Tags": params.get("Tags", {}),
            "Token": params.get("ClientRequestToken"),
            "CreatedBy": f"arn:aws:iam::{self._ctx.account}:root",
            "CreatedTimestamp": now,
            "LastModifiedTimestamp": now,
        })  # fmt: skip
        return {"Arn": key}

    def describe_notification_rule(self, params: Params) -> Params:
        """Handle DescribeNotificationRule."""
        rule = self._rule(params["Arn"])
        return {name: rule[name] for name in (*SHOWN, "Tags")} | {
            "EventTypes": [described(key) for key in rule["EventTypeIds"]],
            "Targets": [target | {"TargetStatus": "ACTIVE"} for target in rule["Targets"]],
        }

    def update_notification_rule(self, params: Params) -> None:
        """Handle UpdateNotificationRule."""
        rule = self._rule(params["Arn"])
        changed = {
            name: params[name] for name in ("Name", "Status", "EventTypeIds", "Targets", "DetailType") if name in params
        }
        check(rule | changed)
        self._rules.put(rule["Arn"], rule | changed | {"LastModifiedTimestamp": time.time()})

    def delete_notification_rule(self, params: Params) -> Params:
        """Handle DeleteNotificationRule; a missing rule is no error, as on AWS."""
        self._rules.delete(params["Arn"])
        return {"Arn": params["Arn"]}

    def list_notification_rules(self, params: Params) -> Params:
        """Handle ListNotificationRules, with filters."""
        rows = [rule for rule in self._rules.values() if all(meets(rule, row) for row in params.get("Filters", []))]
        return {"NotificationRules": [{"Id": rule["Arn"].rpartition("/")[2], "Arn": rule["Arn"]} for rule in rows]}

    def list_targets(self, _params: Params) -> Params:
        """Handle ListTargets: the topics of all rules."""
        found = {target["TargetAddress"]: target for rule in self._rules.values() for target in rule["Targets"]}
        return {"Targets": [target | {"TargetStatus": "ACTIVE"} for target in found.values()]}

    def delete_target(self, params: Params) -> None:
        """Handle DeleteTarget: a target is removed with its last rule, so this only checks that no rule has it."""
        address = params["TargetAddress"]
        for rule in self._rules.values():
            left = [target for target in rule["Targets"] if target["TargetAddress"] != address]
            if len(left) == len(rule["Targets"]):
                continue
            if not params.get("ForceUnsubscribeAll"):
                raise ApiError("ValidationException", SUBSCRIBED)
            self._rules.put(rule["Arn"], rule | {"Targets": left})

    def list_event_types(self, _params: Params) -> Params:
        """Handle ListEventTypes: the supported ones."""
        return {"EventTypes": [described(key) for key in EVENT_TYPES]}

    def list_tags_for_resource(self, params: Params) -> Params:
        """Handle ListTagsForResource."""
        return {"Tags": self._rule(params["Arn"])["Tags"]}

    def tag_resource(self, params: Params) -> Params:
        """Handle TagResource."""
        rule = self._rule(params["Arn"])
        rule["Tags"] = rule["Tags"] | params["Tags"]
        self._rules.save(rule["Arn"])
        return {"Tags": rule["Tags"]}

    def untag_resource(self, params: Params) -> None:
        """Handle UntagResource."""
        rule = self._rule(params["Arn"])
        rule["Tags"] = {key: value for key, value in rule["Tags"].items() if key not in params["TagKeys"]}
        self._rules.save(rule["Arn"])

    def _rule(self, key: str) -> Doc:
        rule = self._rules.get(key)
        if rule is None:
            raise ApiError("ResourceNotFoundException", f"There is no notification rule {key}", 404)
        return rule


def check(params: Params) -> None:
    """Refuse unsupported event types and targets, naming them."""
    unknown = [key for key in params["EventTypeIds"] if key not in EVENT_TYPES]
    if unknown or not params["EventTypeIds"]:
        text = (
            f"EventTypeIds {', '.join(unknown) or '(none)'}: the local cloud tells of pipelines only (ListEventTypes)"
        )
        raise ApiError("ValidationException", text)
    if ":codepipeline:" not in params["Resource"]:
        raise ApiError("ValidationException", f"The resource {params['Resource']} is no pipeline's ARN")
    for target in params["Targets"]:
        if target.get("TargetType", "SNS") not in TARGET_TYPES or ":sns:" not in target.get("TargetAddress", ""):
            text = (
                f"the local cloud tells SNS topics only, not {target.get('TargetType')} {target.get('TargetAddress')}"
            )
            raise ApiError("ConfigurationException", text)


def meets(rule: Doc, row: Doc) -> bool:
    """Tell whether a rule matches one filter of a listing."""
    value = row["Value"]
    found = {
        "EVENT_TYPE_ID": rule["EventTypeIds"],
        "CREATED_BY": [rule["CreatedBy"]],
        "RESOURCE": [rule["Resource"]],
        "TARGET_ADDRESS": [target["TargetAddress"] for target in rule["Targets"]],
    }
    return value in found[row["Name"]]
