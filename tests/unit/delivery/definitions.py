"""The task definitions of a fake ECS."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.unit.delivery.aws import ACCOUNT, REGION, FakeError, pages

if TYPE_CHECKING:
    from tests.unit.delivery.aws import Aws

TAKEN = (
    "family",
    "containerDefinitions",
    "cpu",
    "memory",
    "networkMode",
    "requiresCompatibilities",
    "executionRoleArn",
)


def arn(kind: str, name: str) -> str:
    """Return the ARN of something in ECS."""
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:{kind}/{name}"


@dataclass(kw_only=True)
class Definitions:
    """Task definition revisions with their tags, as RegisterTaskDefinition and the like see them."""

    aws: Aws
    revisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By ARN, in the order of their registration."""
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    undeletable: bool = False

    def register(self, family: str, image: str, tags: dict[str, str] | None = None, **variables: str) -> str:
        """Register a revision with a container "app", which listens on $PORT, beside a proxy; returns its ARN."""
        port = int(variables.get("PORT", "80"))
        environment = [{"name": key, "value": value} for key, value in variables.items()]
        containers = [
            {"name": "proxy", "image": "proxy:1"},
            {"name": "app", "image": image, "environment": environment, "portMappings": [{"containerPort": port}]},
        ]
        rows = [{"key": key, "value": value} for key, value in (tags or {}).items()]
        made = self.register_task_definition(
            {"family": family, "containerDefinitions": containers, "cpu": "256", "tags": rows}
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def register_task_definition(self, params: dict[str, Any]) -> dict[str, Any]:
        """Keep a revision, which gets the next number of its family."""
        unknown = set(params) - {*TAKEN, "tags"}
        assert not unknown, f"not supported here: {unknown}"
        family = params["family"]
        number = 1 + len([one for one in self.revisions.values() if one["family"] == family])
        name = arn("task-definition", f"{family}:{number}")
        self.revisions[name] = {key: value for key, value in params.items() if key != "tags"} | {
            "taskDefinitionArn": name,
            "revision": number,
            "status": "ACTIVE",
            "compatibilities": ["EC2", "FARGATE"],
            "registeredAt": datetime.fromtimestamp(self.aws.time.now + len(self.revisions) / 1000, UTC),
        }
        self.tags[name] = {tag["key"]: tag["value"] for tag in params.get("tags", [])}
        return {"taskDefinition": self.revisions[name], "tags": params.get("tags", [])}

    def describe_task_definition(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return one by ARN, or the latest active one of a family."""
        name = params["taskDefinition"]
        active = [one for one in self.revisions.values() if one["family"] == name and one["status"] == "ACTIVE"]
        found = self.revisions.get(name) or (active[-1] if active else None)
        if found is None:
            raise FakeError("ClientException", "Unable to describe task definition.")
        rows = [{"key": key, "value": value} for key, value in self.tags[found["taskDefinitionArn"]].items()]
        return {"taskDefinition": found} | ({"tags": rows} if "TAGS" in params.get("include", []) else {})

    def list_task_definitions(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return ARNs, sorted by family and number."""
        held = sorted(self.revisions.values(), key=lambda one: (one["family"], one["revision"]))
        if params.get("sort") == "DESC":
            held = held[::-1]
        prefix, status = params.get("familyPrefix", ""), params.get("status", "ACTIVE")
        shown = [one for one in held if prefix in ("", one["family"]) and one["status"] == status]
        return pages("taskDefinitionArns", [one["taskDefinitionArn"] for one in shown], params)

    def list_task_definition_families(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the families whose names begin with a prefix, whatever the status of their revisions."""
        assert params["status"] == "ALL", "a family of inactive revisions counts, too"
        prefix = params["familyPrefix"]
        families = sorted({one["family"] for one in self.revisions.values() if one["family"].startswith(prefix)})
        return pages("families", families, params)

    def deregister_task_definition(self, params: dict[str, Any]) -> dict[str, Any]:
        """Make one INACTIVE."""
        held = self.revisions[params["taskDefinition"]]
        held["status"] = "INACTIVE"
        return {"taskDefinition": held}

    def delete_task_definitions(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete at most ten that are INACTIVE."""
        names = params["taskDefinitions"]
        if len(names) > 10:
            raise FakeError("InvalidParameterException", "at most 10")
        if self.undeletable:
            return {"failures": [{"arn": names[0], "reason": "it is in use"}]}
        for name in names:
            if self.revisions[name]["status"] != "INACTIVE":
                raise FakeError("InvalidParameterException", "not INACTIVE")
            self.revisions[name]["status"] = "DELETE_IN_PROGRESS"
        return {"taskDefinitions": [self.revisions[name] for name in names]}

    def tag_resource(self, params: dict[str, Any]) -> dict[str, Any]:
        """Add tags to a revision."""
        self.tags[params["resourceArn"]] |= {tag["key"]: tag["value"] for tag in params["tags"]}
        return {}

    def image(self, name: str) -> str:
        """Return the image of a revision's container "app"."""
        return next(str(one["image"]) for one in self.revisions[name]["containerDefinitions"] if one["name"] == "app")

    def port(self, name: str) -> int:
        """Return the port of a revision's container "app"."""
        containers = self.revisions[name]["containerDefinitions"]
        return next(int(one["portMappings"][0]["containerPort"]) for one in containers if one["name"] == "app")

    def variables(self, name: str) -> dict[str, str]:
        """Return the variables of a revision's container "app"."""
        for one in self.revisions[name]["containerDefinitions"]:
            if one["name"] == "app":
                return {pair["name"]: pair["value"] for pair in one.get("environment", [])}
        return {}
