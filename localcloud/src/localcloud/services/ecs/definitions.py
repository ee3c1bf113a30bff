"""Operations on task definitions."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from localcloud.docker_engine import qemu
from localcloud.gateway.protocol import ApiError, Params
from localcloud.services.ecs import fargate
from localcloud.services.ecs.state import tag_list

if TYPE_CHECKING:
    from localcloud.services.ecs.state import State
    from localcloud.state.table import Doc

FAMILY = re.compile(r"[A-Za-z0-9_-]{1,255}")
KEPT = (
    "family", "taskRoleArn", "executionRoleArn", "networkMode", "cpu", "memory", "runtimePlatform", "pidMode",
    "ipcMode", "ephemeralStorage", "requiresCompatibilities", "enableFaultInjection",
)  # fmt: skip
DEREGISTER_FIRST = "Please deregister the target and try again."
LISTED = {"ACTIVE": ("ACTIVE",), "INACTIVE": ("INACTIVE",), "DELETE_IN_PROGRESS": ("DELETE_IN_PROGRESS",)}


class Definitions:
    """Register, describe, list, deregister and delete task definitions; a revision number is never reused."""

    def __init__(self, state: State) -> None:
        """Use ECS's documents."""
        self._state = state

    def register_task_definition(self, params: Params) -> Params:
        """Register the family's next revision."""
        family = params["family"]
        if not FAMILY.fullmatch(family):
            raise ApiError("ClientException", f"Family {family!r} contains invalid characters.")
        fargate.check(params)
        fargate.check_architecture(params, qemu.runs(self._state.ctx.docker))
        counter = self._state.families.get(family) or {"revision": 0}
        revision = counter["revision"] + 1
        key = self._state.arn(f"task-definition/{family}:{revision}")
        doc: Doc = {name: params[name] for name in KEPT if name in params} | {
            "taskDefinitionArn": key,
            "revision": revision,
            "status": "ACTIVE",
            "containerDefinitions": [fargate.filled(container) for container in params["containerDefinitions"]],
            "volumes": params.get("volumes", []),
            "placementConstraints": params.get("placementConstraints", []),
            "compatibilities": ["EC2", "FARGATE"],
            "requiresAttributes": [],
            "registeredAt": time.time(),
            "registeredBy": f"arn:aws:iam::{self._state.ctx.account}:root",
            "tags": tag_list(params.get("tags")),
        }
        with self._state.ctx.store.transaction():
            self._state.families.put(family, {"revision": revision})
            self._state.definitions.put(key, doc)
        return {"taskDefinition": doc, "tags": doc["tags"]}

    def describe_task_definition(self, params: Params) -> Params:
        """Return a task definition, whether active or inactive."""
        doc = self._state.definition(params["taskDefinition"])
        return {"taskDefinition": doc, "tags": doc["tags"] if "TAGS" in params.get("include", []) else []}

    def deregister_task_definition(self, params: Params) -> Params:
        """Make a revision INACTIVE: running tasks continue, no new ones may start."""
        if ":" not in params["taskDefinition"].rpartition("/")[2]:
            raise ApiError("InvalidParameterException", "The task definition needs a revision.")
        doc = self._state.definition(params["taskDefinition"])
        if doc["status"] == "ACTIVE":
            doc["status"], doc["deregisteredAt"] = "INACTIVE", time.time()
            self._state.definitions.save(doc["taskDefinitionArn"])
        return {"taskDefinition": doc}

    def delete_task_definitions(self, params: Params) -> Params:
        """Delete inactive revisions; those in use are removed once nothing uses them."""
        deleted, failures = [], []
        for name in params["taskDefinitions"]:
            try:
                doc = self._state.definition(name)
            except ApiError:
                failures.append({"arn": name, "reason": "TASK_DEFINITION_NOT_FOUND"})
                continue
            if doc["status"] == "ACTIVE":
                reason = f"The specified task definition is still in ACTIVE status. {DEREGISTER_FIRST}"
                failures.append({"arn": doc["taskDefinitionArn"], "reason": reason})
                continue
            doc["status"], doc["deleteRequestedAt"] = "DELETE_IN_PROGRESS", time.time()
            self._state.definitions.save(doc["taskDefinitionArn"])
            deleted.append(doc)
        self._state.prune()
        return {"taskDefinitions": deleted, "failures": failures}

    def list_task_definitions(self, params: Params) -> Params:
        """Return ARNs by family (`familyPrefix` is its whole name) and status, oldest revision first by default."""
        status = params.get("status", "ACTIVE")
        prefix = params.get("familyPrefix")
        rows = [row for row in self._state.definitions.values() if row["status"] in LISTED[status]]
        rows = [row for row in rows if prefix in (None, row["family"])]
        rows.sort(key=lambda row: (row["family"], row["revision"]), reverse=params.get("sort") == "DESC")
        most = params.get("maxResults")
        start = int(params.get("nextToken", 0))
        page = rows[start : start + most] if most else rows[start:]
        more = {"nextToken": str(start + most)} if most and start + most < len(rows) else {}
        return {"taskDefinitionArns": [row["taskDefinitionArn"] for row in page]} | more

    def list_task_definition_families(self, params: Params) -> Params:
        """Return the families that have a revision of the status."""
        status, prefix = params.get("status", "ACTIVE"), params.get("familyPrefix", "")
        wanted = ("ACTIVE", "INACTIVE") if status == "ALL" else (status,)
        rows = [row["family"] for row in self._state.definitions.values() if row["status"] in wanted]
        return {"families": sorted({family for family in rows if family.startswith(prefix)})}
