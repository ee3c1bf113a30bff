"""The whole configuration of one stack."""

from __future__ import annotations

from pydantic import Field

from infra.config.environment import Environment
from infra.config.images import Images, Registry
from infra.config.pipeline import Pipeline
from infra.config.previews import Previews
from infra.config.section import Section


class StackConfig(Section):
    """The configuration of one stack; exactly one of `registry` and `images` is set."""

    stack: str
    organization: str
    project: str
    github_owner: str | None = None
    region: str = ""
    aws_profile: str | None = None
    aws_assume_roles: str | None = None
    environment: Environment = Field(description="network, load balancer, services and database")
    registry: Registry | None = Field(None, description="ECR repositories, which this stack then owns")
    images: Images | None = Field(None, description="images accepted by another stack, instead of a registry")
    pipeline: Pipeline | None = Field(None, description="continuous delivery from a Git push to staging and production")
    previews: Previews | None = Field(None, description="read-only IAM role for `pulumi preview` of pull requests")

    @property
    def qualified(self) -> str:
        """This stack's qualified name: `organization/project/stack`."""
        return self._qualify(self.stack)

    @property
    def image_stack(self) -> str:
        """The qualified name of the stack that images come from; empty if this stack has a registry."""
        return self._qualify(self.images.from_stack) if self.images else ""

    @property
    def staging_stack(self) -> str:
        """The qualified name of the staging stack; empty if this stack is staging itself or has no pipeline."""
        return self._qualify(self.pipeline.staging) if self.pipeline and self.pipeline.staging else ""

    def _qualify(self, name: str) -> str:
        return name if "/" in name else f"{self.organization}/{self.project}/{name}"
