"""Registration of release revisions: a template with an image, a version and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.containers import APP_VERSION, IMAGE_DIGEST, OF_A_RELEASE
from delivery.deploying.revisions import COMMIT, EXECUTION, REPLACES, VERSION_PATH, Revision

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient

    from delivery.environment import Service
    from delivery.release.manifest import Image, Manifest


def content(ecs: ECSClient, template: Revision, image: str, of: Image) -> dict[str, Any]:
    """Return the RegisterTaskDefinition arguments of a release, without family and tags.

    Args:
        ecs: a boto3 `ecs` client, asked for what RegisterTaskDefinition takes.
        template: the template.
        image: `<repository url>@sha256:...`.
        of: digest and version, which the container gets as IMAGE_DIGEST and APP_VERSION.
    """
    made = _registrable(ecs, template)
    own = {IMAGE_DIGEST: of.digest, APP_VERSION: of.version}
    ours = template.container_definition["name"]

    def released(container: dict[str, Any]) -> dict[str, Any]:
        if container["name"] != ours:
            return container
        kept = [pair for pair in container.get("environment", []) if pair["name"] not in OF_A_RELEASE]
        added = [{"name": key, "value": value} for key, value in own.items()]
        return container | {"image": image, "environment": sorted(kept + added, key=lambda pair: str(pair["name"]))}

    return made | {"containerDefinitions": [released(container) for container in made["containerDefinitions"]]}


def same(ecs: ECSClient, revision: Revision, wanted: dict[str, Any]) -> bool:
    """Tell whether a revision equals what `content` returned, ignoring the order of variables."""
    return bool(_ordered(_registrable(ecs, revision)) == _ordered(wanted))


def _registrable(ecs: ECSClient, revision: Revision) -> dict[str, Any]:
    """Return the members of a revision that RegisterTaskDefinition accepts, without its family."""
    taken = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    return {key: value for key, value in revision.definition.items() if key in taken and key != "family"}


def _ordered(value: Any) -> Any:  # noqa: ANN401 - any part of a JSON document
    """Return a document with lists of structures, such as variables, sorted, and empty values removed.

    Lists of texts, such as a command, keep theirs.
    """
    if isinstance(value, dict):
        return {key: _ordered(each) for key, each in value.items() if each not in (None, [], {}, "")}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return sorted((_ordered(each) for each in value), key=str)
    return value


def register(
    ecs: ECSClient, service: Service, template: Revision, manifest: Manifest, replaces: Revision | None
) -> Revision:
    """Register the release of a service's image with the template, in the service's release family."""
    image = manifest.services[service.name]
    wanted = content(ecs, template, f"{service.repository_url}@{image.digest}", image)
    tags = {key: value for key, value in template.tags.items() if not key.startswith("aws:")}
    tags |= {COMMIT: manifest.commit, EXECUTION: manifest.execution}
    tags |= {REPLACES: replaces.arn} if replaces else {}
    tags |= {VERSION_PATH: service.version_path} if service.version_path else {}
    made = ecs.register_task_definition(
        family=service.release_family,
        tags=[{"key": key, "value": value} for key, value in sorted(tags.items())],
        **wanted,
    )
    return Revision(definition=made["taskDefinition"], tags=tags, container=template.container)
