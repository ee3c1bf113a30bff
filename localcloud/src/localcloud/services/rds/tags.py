"""Tags of instances, subnet groups and snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError

if TYPE_CHECKING:
    from localcloud.services.rds.groups import Groups
    from localcloud.services.rds.instances import Instances
    from localcloud.services.rds.snapshots import Snapshots
    from localcloud.state.table import Table

Doc = dict[str, Any]


class Tags:
    """Operations on tags, by ARN."""

    def __init__(self, instances: Instances, groups: Groups, snapshots: Snapshots) -> None:
        """Use the documents of instances, subnet groups and snapshots."""
        self._tables: dict[str, Table] = {"db": instances.rows, "subgrp": groups.rows, "snapshot": snapshots.rows}

    def _find(self, params: Doc) -> tuple[Table, str, Doc]:
        kind, _, key = params["ResourceName"].split(":", 5)[-1].partition(":")
        table = self._tables.get(kind)
        row = table.get(key) if table else None
        if table is None or row is None:
            raise ApiError("DBInstanceNotFound", f"{params['ResourceName']} not found.", 404)
        return table, key, row

    def list_tags_for_resource(self, params: Doc) -> Doc:
        """Handle ListTagsForResource."""
        return {"TagList": self._find(params)[2]["Tags"]}

    def add_tags_to_resource(self, params: Doc) -> Doc:
        """Handle AddTagsToResource."""
        table, key, row = self._find(params)
        tags = {tag["Key"]: tag.get("Value", "") for tag in [*row["Tags"], *params["Tags"]]}
        row["Tags"] = [{"Key": name, "Value": value} for name, value in tags.items()]
        table.save(key)
        return {}

    def remove_tags_from_resource(self, params: Doc) -> Doc:
        """Handle RemoveTagsFromResource."""
        table, key, row = self._find(params)
        row["Tags"] = [tag for tag in row["Tags"] if tag["Key"] not in params["TagKeys"]]
        table.save(key)
        return {}
