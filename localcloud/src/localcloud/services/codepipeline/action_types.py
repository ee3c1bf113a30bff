"""The supported action types: their configuration keys, and their numbers of input and output artifacts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localcloud.gateway.protocol import ApiError, Params
from localcloud.services.codepipeline.state import page

SECRET = "OAuthToken"  # noqa: S105  the name of a key


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionType:
    """An AWS action type, as in the action reference."""

    category: str
    owner: str
    provider: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    inputs: tuple[int, int] = (0, 0)
    outputs: tuple[int, int] = (0, 0)
    refused: tuple[tuple[str, str, str], ...] = ()
    """Key, lowercase value, reason: what AWS accepts and the local cloud does not."""

    @property
    def identity(self) -> Params:
        """Return the action type's identifier."""
        return {"category": self.category, "owner": self.owner, "provider": self.provider, "version": "1"}


BUILD_OPTIONS: dict[str, Any] = {
    "owner": "AWS",
    "provider": "CodeBuild",
    "required": ("ProjectName",),
    "optional": ("PrimarySource", "EnvironmentVariables", "BatchEnabled", "CombineArtifacts"),
    "inputs": (1, 5),
    "outputs": (0, 5),
    "refused": (
        ("BatchEnabled", "true", "batch builds"),
        ("CombineArtifacts", "true", "batch builds"),
    ),
}
TYPES = (
    ActionType(
        category="Source",
        owner="AWS",
        provider="CodeStarSourceConnection",
        required=("ConnectionArn", "FullRepositoryId", "BranchName"),
        optional=("OutputArtifactFormat", "DetectChanges"),
        outputs=(1, 1),
        refused=(("OutputArtifactFormat", "codebuild_clone_ref", "full clones"),),
    ),
    ActionType(
        category="Source",
        owner="ThirdParty",
        provider="GitHub",
        required=("Owner", "Repo", "Branch", SECRET),
        optional=("PollForSourceChanges",),
        outputs=(1, 1),
        refused=(("PollForSourceChanges", "true", "polling"),),
    ),
    ActionType(category="Build", **BUILD_OPTIONS),
    ActionType(category="Test", **BUILD_OPTIONS),
    ActionType(
        category="Approval",
        owner="AWS",
        provider="Manual",
        optional=("NotificationArn", "CustomData", "ExternalEntityLink"),
    ),
)


def action_type(identity: Params) -> ActionType | None:
    """Return the supported type with that identifier, or None."""
    return next((row for row in TYPES if row.identity == identity), None)


class ActionTypes:
    """The API operations on action types."""

    def list_action_types(self, params: Params) -> Params:
        """Return the supported action types."""
        owner = params.get("actionOwnerFilter")
        rows, more = page([described(row) for row in TYPES if owner in (None, row.owner)], params)
        return {"actionTypes": rows} | more

    def get_action_type(self, params: Params) -> Params:
        """Refuse the request: the operation describes custom action types, and there are none."""
        text = f"the local cloud has no custom action types, so none of {params['provider']}"
        raise ApiError("ActionTypeNotFoundException", text)


def described(row: ActionType) -> Params:
    """Return an action type as the API shows it."""
    properties = [
        {"name": name, "required": name in row.required, "key": True, "secret": name == SECRET}
        for name in (*row.required, *row.optional)
    ]
    return {
        "id": row.identity,
        "settings": {},
        "actionConfigurationProperties": properties,
        "inputArtifactDetails": {"minimumCount": row.inputs[0], "maximumCount": row.inputs[1]},
        "outputArtifactDetails": {"minimumCount": row.outputs[0], "maximumCount": row.outputs[1]},
    }
