"""Operations on clusters, and on the tags of all ECS resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError, Params
from localcloud.iam import service_linked
from localcloud.services.ecs.state import PENDING, failure, tag_list

if TYPE_CHECKING:
    from localcloud.services.ecs.state import State
    from localcloud.state.table import Doc, Table

PROVIDERS = ("FARGATE", "FARGATE_SPOT")


class Clusters:
    """Create, describe, change and delete clusters."""

    def __init__(self, state: State) -> None:
        """Use ECS's documents."""
        self._state = state

    def create_cluster(self, params: Params) -> Params:
        """Create a cluster, or return the existing one of that name."""
        service_linked.require(self._state.ctx.iam.roles, service_linked.ECS)
        name = params.get("clusterName", "default")
        key = self._state.arn(f"cluster/{name}")
        doc = self._state.clusters.get(key)
        if doc is None:
            check_providers(params)
            doc = {
                "clusterArn": key,
                "clusterName": name,
                "status": "ACTIVE",
                "settings": settings(params.get("settings")),
                "configuration": params.get("configuration"),
                "capacityProviders": params.get("capacityProviders", []),
                "defaultCapacityProviderStrategy": params.get("defaultCapacityProviderStrategy", []),
                "serviceConnectDefaults": params.get("serviceConnectDefaults"),
                "tags": tag_list(params.get("tags")),
                "statistics": [],
            }
            self._state.clusters.put(key, doc)
        return {"cluster": self._view(doc)}

    def describe_clusters(self, params: Params) -> Params:
        """Return clusters by name or ARN, with failures for missing ones."""
        found, missing = [], []
        for name in params.get("clusters") or ["default"]:
            key = self._state.arn(f"cluster/{name.rpartition('/')[2]}")
            doc = self._state.clusters.get(key)
            if doc is None:
                missing.append(failure(key))
            else:
                found.append(self._view(doc))
        return {"clusters": found, "failures": missing}

    def list_clusters(self, _params: Params) -> Params:
        """Return the ARNs of all clusters."""
        return {"clusterArns": list(self._state.clusters.rows)}

    def update_cluster(self, params: Params) -> Params:
        """Change settings and configuration."""
        doc = self._state.cluster(params["cluster"])
        if "settings" in params:
            doc["settings"] = settings(params["settings"])
        for name in ("configuration", "serviceConnectDefaults"):
            if name in params:
                doc[name] = params[name]
        self._state.clusters.save(doc["clusterArn"])
        return {"cluster": self._view(doc)}

    def update_cluster_settings(self, params: Params) -> Params:
        """Change settings."""
        return self.update_cluster(params)

    def put_cluster_capacity_providers(self, params: Params) -> Params:
        """Set capacity providers."""
        doc = self._state.cluster(params["cluster"])
        check_providers(params)
        doc["capacityProviders"] = params["capacityProviders"]
        doc["defaultCapacityProviderStrategy"] = params["defaultCapacityProviderStrategy"]
        self._state.clusters.save(doc["clusterArn"])
        return {"cluster": self._view(doc)}

    def delete_cluster(self, params: Params) -> Params:
        """Delete a cluster without services and tasks."""
        doc = self._state.cluster(params["cluster"])
        view = self._view(doc)
        if view["activeServicesCount"]:
            text = "The Cluster cannot be deleted while Services are active."
            raise ApiError("ClusterContainsServicesException", text)
        if view["runningTasksCount"] or view["pendingTasksCount"]:
            raise ApiError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
        for service in self._state.services.values():
            if service["clusterArn"] == doc["clusterArn"]:
                self._state.services.delete(service["serviceArn"])
        self._state.clusters.delete(doc["clusterArn"])
        return {"cluster": view | {"status": "INACTIVE"}}

    def _view(self, doc: Doc) -> Doc:
        key = doc["clusterArn"]
        tasks = [task["lastStatus"] for task in self._state.tasks.values() if task["clusterArn"] == key]
        services = [
            row for row in self._state.services.values() if row["clusterArn"] == key and row["status"] != "INACTIVE"
        ]
        return doc | {
            "registeredContainerInstancesCount": 0,
            "runningTasksCount": tasks.count("RUNNING"),
            "pendingTasksCount": sum(status in PENDING for status in tasks),
            "activeServicesCount": len(services),
        }


class Tags:
    """TagResource, UntagResource and ListTagsForResource."""

    def __init__(self, state: State) -> None:
        """Use ECS's documents."""
        self._state = state

    def tag_resource(self, params: Params) -> None:
        """Set tags."""
        table, doc = self._tagged(params["resourceArn"])
        tags = {tag["key"]: tag["value"] for tag in doc.get("tags", [])}
        tags |= {tag["key"]: tag["value"] for tag in tag_list(params["tags"])}
        doc["tags"] = [{"key": key, "value": value} for key, value in tags.items()]
        table.save(params["resourceArn"])

    def untag_resource(self, params: Params) -> None:
        """Remove tags."""
        table, doc = self._tagged(params["resourceArn"])
        doc["tags"] = [tag for tag in doc.get("tags", []) if tag["key"] not in params["tagKeys"]]
        table.save(params["resourceArn"])

    def list_tags_for_resource(self, params: Params) -> Params:
        """Return tags."""
        return {"tags": self._tagged(params["resourceArn"])[1].get("tags", [])}

    def _tagged(self, key: str) -> tuple[Table, Doc]:
        state = self._state
        for table in (state.clusters, state.services, state.definitions, state.tasks):
            doc = table.get(key)
            if doc is not None:
                return table, doc
        raise ApiError("InvalidParameterException", f"The specified resource does not exist: {key}")


def settings(given: list[Doc] | None) -> list[Doc]:
    """Return cluster settings, with the default for Container Insights."""
    return given or [{"name": "containerInsights", "value": "disabled"}]


def check_providers(params: Params) -> None:
    """Refuse capacity providers that are not Fargate's."""
    for name in params.get("capacityProviders", []):
        if name not in PROVIDERS:
            raise ApiError(
                "InvalidParameterException", f"the local cloud has no capacity provider {name}; {PROVIDERS} only"
            )
