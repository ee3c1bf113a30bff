"""A fake CodeBuild: the builds of a pipeline's actions, and the projects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.unit.delivery.aws import Aws

NAME = "slipway"
STAGES = {
    "Source": ["Source"],
    "Test": ["Test"],
    "Build": ["Build"],
    "Staging": ["Deploy", "Acceptance", "Promote"],
    "Approval": ["Approve"],
    "Production": ["Deploy", "Smoke"],
}
REASON_LIMIT = 300


@dataclass(kw_only=True)
class Builds:
    """CodeBuild: builds by id with their status, and projects by name."""

    aws: Aws
    status: dict[str, str] = field(default_factory=dict)
    phases: dict[str, str] = field(default_factory=dict)
    """By id, the phase that a build is in, where a test says so."""
    logs: dict[str, dict[str, str]] = field(default_factory=dict)
    projects: dict[str, dict[str, Any]] = field(default_factory=dict)
    causes: dict[str, str] = field(default_factory=dict)
    """By id, the variable CAUSE that a build exported."""

    def batch_get_builds(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return builds."""
        assert params["ids"], "BatchGetBuilds without ids is refused"
        return {
            "builds": [
                {
                    "id": one,
                    "buildStatus": self.status[one],
                    "logs": self.logs.get(one, {}),
                    **({"currentPhase": self.phases[one]} if one in self.phases else {}),
                    "exportedEnvironmentVariables": [
                        {"name": "CAUSE", "value": value} for key, value in self.causes.items() if key == one
                    ],
                }
                for one in params["ids"]
                if one in self.status
            ]
        }

    def stop_build(self, params: dict[str, Any]) -> dict[str, Any]:
        """Stop a build, which takes a moment."""
        self.aws.time.at(10, lambda: self.status.update({params["id"]: "STOPPED"}))
        return {"build": {"id": params["id"]}}

    def batch_get_projects(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return projects."""
        return {"projects": [self.projects[name] for name in params["names"] if name in self.projects]}
