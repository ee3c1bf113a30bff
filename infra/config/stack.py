"""The whole configuration of one stack."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from contract.names import ENVIRONMENT_TAG, PROJECT_TAG
from infra.config.effects import IN_PLACE, RELEASE, Effect, Kind
from infra.config.environment import Environment
from infra.config.images import Images, Registry
from infra.config.pipeline import Pipeline
from infra.config.previews import Previews
from infra.config.project import tags
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
    default_tags: str | None = None
    environment: Annotated[Environment, IN_PLACE] = Field(description="network, load balancer, services and database")
    registry: Annotated[
        Registry | None,
        Effect(
            Kind.IN_PLACE,
            "removed: its repositories are deleted with their images, which `protect` refuses",
        ),
    ] = Field(None, description="ECR repositories, which this stack then owns")
    images: Annotated[Images | None, RELEASE] = Field(
        None, description="images accepted by another stack, instead of a registry"
    )
    pipeline: Annotated[
        Pipeline | None,
        Effect(Kind.IN_PLACE, "removed: the pipeline and its history are deleted; what runs is left alone"),
    ] = Field(None, description="continuous delivery from a Git push to staging and production")
    previews: Annotated[Previews | None, IN_PLACE] = Field(
        None, description="read-only IAM role for `pulumi preview` of pull requests"
    )
    allow: Annotated[tuple[str, ...], IN_PLACE] = Field(
        (),
        description="what `pulumi up` may destroy, by the name that its refusal tells; once that is gone, an entry has "
        "no effect and can be removed",
    )

    @property
    def qualified(self) -> str:
        """This stack's qualified name: `organization/project/stack`."""
        return self._qualify(self.stack)

    @property
    def identifying_tags(self) -> dict[str, str]:
        """The default tags by which a resource is known to be this stack's; none where the stack file sets none."""
        given = tags(self.default_tags)
        return {key: str(given[key]) for key in (PROJECT_TAG, ENVIRONMENT_TAG) if key in given}

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
