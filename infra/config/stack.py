"""The whole configuration of one stack."""

from __future__ import annotations

from pydantic import Field

from infra.config.environment import Environment
from infra.config.images import Images, Registry
from infra.config.pipeline import Pipeline
from infra.config.previews import Previews
from infra.config.section import Section


class StackConfig(Section):
    """The configuration of one stack; it has either a registry or images from another stack."""

    stack: str
    organization: str
    project: str
    github_owner: str | None = None
    region: str = ""
    environment: Environment = Field(description="everything that serves requests")
    registry: Registry | None = Field(None, description="image repositories of this stack's own")
    images: Images | None = Field(None, description="images that another stack accepted")
    pipeline: Pipeline | None = Field(None, description="from a pushed commit to production, or to staging alone")
    previews: Previews | None = Field(
        None, description="a role for previews of pull requests, which reads and changes nothing"
    )

    @property
    def qualified(self) -> str:
        """This stack's qualified name."""
        return self._qualify(self.stack)

    @property
    def image_stack(self) -> str:
        """The qualified name of the stack that accepts the images; empty when this one makes its own."""
        return self._qualify(self.images.from_stack) if self.images else ""

    @property
    def staging_stack(self) -> str:
        """The qualified name of the stack that releases pass first; empty when this one is it, or has no pipeline."""
        return self._qualify(self.pipeline.staging) if self.pipeline and self.pipeline.staging else ""

    def _qualify(self, name: str) -> str:
        return name if "/" in name else f"{self.organization}/{self.project}/{name}"
