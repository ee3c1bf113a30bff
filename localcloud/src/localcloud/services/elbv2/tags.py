"""Tags of load balancers, target groups, listeners and rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError, Params
from localcloud.services.elbv2.state import tag_map

if TYPE_CHECKING:
    from localcloud.services.elbv2.state import State

TAGS_AT_MOST = 50


class Tags:
    """AddTags, RemoveTags and DescribeTags."""

    def __init__(self, state: State) -> None:
        """Use ELBv2's documents."""
        self._state = state

    def add_tags(self, params: Params) -> None:
        """Set tags on resources."""
        for key in params["ResourceArns"]:
            table, doc = self._state.tagged(key)
            tags = doc["Tags"] | tag_map(params["Tags"])
            if len(tags) > TAGS_AT_MOST:
                raise ApiError("TooManyTags", f"{key} would have more than {TAGS_AT_MOST} tags")
            doc["Tags"] = tags
            table.save(key)

    def remove_tags(self, params: Params) -> None:
        """Remove tags from resources."""
        for key in params["ResourceArns"]:
            table, doc = self._state.tagged(key)
            doc["Tags"] = {tag: value for tag, value in doc["Tags"].items() if tag not in params["TagKeys"]}
            table.save(key)

    def describe_tags(self, params: Params) -> Params:
        """Return the tags of up to 20 resources."""
        rows = []
        for key in params["ResourceArns"]:
            _, doc = self._state.tagged(key)
            tags = [{"Key": tag, "Value": value} for tag, value in doc["Tags"].items()]
            rows.append({"ResourceArn": key, "Tags": tags})
        return {"TagDescriptions": rows}
