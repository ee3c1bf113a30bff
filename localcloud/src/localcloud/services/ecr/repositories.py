"""The API's operations on repositories."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

from docker.errors import APIError

from localcloud.docker_engine import images
from localcloud.gateway.protocol import ApiError, arn

if TYPE_CHECKING:
    import docker

    from localcloud.context import Context
    from localcloud.services.ecr.storage import Storage

Params = dict[str, Any]


class Repositories:
    """Repositories, their tags, policies and settings."""

    def __init__(self, ctx: Context, storage: Storage) -> None:
        """Use ECR's storage."""
        self._ctx, self._storage = ctx, storage
        self._host = ctx.endpoint.partition("://")[2]

    def create_repository(self, params: Params) -> Params:
        """Handle CreateRepository; the uri names the local registry, so that no push leaves the machine."""
        name = params["repositoryName"]
        if self._storage.repositories.get(name):
            text = f"The repository with name '{name}' already exists in the registry with id '{self._ctx.account}'"
            raise ApiError("RepositoryAlreadyExistsException", text)
        repository = {
            "repositoryArn": arn(self._ctx, "ecr", f"repository/{name}"),
            "registryId": self._ctx.account,
            "repositoryName": name,
            "repositoryUri": f"{self._host}/{name}",
            "createdAt": time.time(),
            "imageTagMutability": params.get("imageTagMutability", "MUTABLE"),
            "imageTagMutabilityExclusionFilters": params.get("imageTagMutabilityExclusionFilters"),
            "imageScanningConfiguration": params.get("imageScanningConfiguration") or {"scanOnPush": False},
            "encryptionConfiguration": params.get("encryptionConfiguration") or {"encryptionType": "AES256"},
            "tags": params.get("tags", []),
        }
        return {"repository": self._storage.repositories.put(name, repository)}

    def describe_repositories(self, params: Params) -> Params:
        """Handle DescribeRepositories, all on one page."""
        names = params.get("repositoryNames")
        if names:
            return {"repositories": [self._storage.repository(name) for name in names]}
        return {"repositories": self._storage.repositories.values()}

    async def delete_repository(self, params: Params) -> Params:
        """Handle DeleteRepository; one with images needs force. Its names are also removed from the Docker daemon."""
        name = params["repositoryName"]
        repository = self._storage.repository(name)
        if self._storage.images(name) and not params.get("force"):
            text = f"The repository with name '{name}' cannot be deleted because it still contains images"
            raise ApiError("RepositoryNotEmptyException", text)
        self._storage.remove_repository(name)
        await asyncio.to_thread(remove_copies, self._ctx.docker, repository["repositoryUri"])
        return {"repository": repository}

    def describe_registry(self, _params: Params) -> Params:
        """Handle DescribeRegistry."""
        return {"registryId": self._ctx.account, "replicationConfiguration": {"rules": []}}

    def put_image_tag_mutability(self, params: Params) -> Params:
        """Handle PutImageTagMutability."""
        names = ("imageTagMutability", "imageTagMutabilityExclusionFilters")
        return self._set(params, {name: params.get(name) for name in names})

    def put_image_scanning_configuration(self, params: Params) -> Params:
        """Handle PutImageScanningConfiguration."""
        return self._set(params, {"imageScanningConfiguration": params["imageScanningConfiguration"]})

    def _set(self, params: Params, values: Params) -> Params:
        name = params["repositoryName"]
        self._storage.repository(name).update(values)
        self._storage.repositories.save(name)
        return {"registryId": self._ctx.account, "repositoryName": name, **values}

    def put_lifecycle_policy(self, params: Params) -> Params:
        """Handle PutLifecyclePolicy. It is stored, not executed."""
        self._refuse_invalid_json(params["lifecyclePolicyText"])
        return self._set(params, {"lifecyclePolicyText": params["lifecyclePolicyText"]})

    def get_lifecycle_policy(self, params: Params) -> Params:
        """Handle GetLifecyclePolicy."""
        return self._text(params, "lifecyclePolicyText", "LifecyclePolicyNotFoundException", "Lifecycle policy")

    def delete_lifecycle_policy(self, params: Params) -> Params:
        """Handle DeleteLifecyclePolicy."""
        answer = self.get_lifecycle_policy(params)
        self._set(params, {"lifecyclePolicyText": None})
        return answer

    def set_repository_policy(self, params: Params) -> Params:
        """Handle SetRepositoryPolicy. It is stored, not enforced."""
        self._refuse_invalid_json(params["policyText"])
        return self._set(params, {"policyText": params["policyText"]})

    def get_repository_policy(self, params: Params) -> Params:
        """Handle GetRepositoryPolicy."""
        return self._text(params, "policyText", "RepositoryPolicyNotFoundException", "Repository policy")

    def delete_repository_policy(self, params: Params) -> Params:
        """Handle DeleteRepositoryPolicy."""
        answer = self.get_repository_policy(params)
        self._set(params, {"policyText": None})
        return answer

    def _text(self, params: Params, field: str, code: str, what: str) -> Params:
        name = params["repositoryName"]
        text = self._storage.repository(name).get(field)
        if not text:
            raise ApiError(code, f"{what} does not exist for the repository with name '{name}'")
        return {"registryId": self._ctx.account, "repositoryName": name, field: text}

    @staticmethod
    def _refuse_invalid_json(text: str) -> None:
        try:
            json.loads(text)
        except ValueError as error:
            raise ApiError("InvalidParameterException", f"the policy text is no JSON: {error}") from error

    def _by_arn(self, params: Params) -> Params:
        return self._storage.repository(params["resourceArn"].partition(":repository/")[2])

    def list_tags_for_resource(self, params: Params) -> Params:
        """Handle ListTagsForResource."""
        return {"tags": self._by_arn(params)["tags"]}

    def tag_resource(self, params: Params) -> Params:
        """Handle TagResource."""
        repository = self._by_arn(params)
        new = {tag["Key"]: tag["Value"] for tag in [*repository["tags"], *params["tags"]]}
        return self._save_tags(repository, new)

    def untag_resource(self, params: Params) -> Params:
        """Handle UntagResource."""
        repository = self._by_arn(params)
        new = {tag["Key"]: tag["Value"] for tag in repository["tags"] if tag["Key"] not in params["tagKeys"]}
        return self._save_tags(repository, new)

    def _save_tags(self, repository: Params, tags: dict[str, str]) -> Params:
        repository["tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        self._storage.repositories.save(repository["repositoryName"])
        return {}


def remove_copies(client: docker.DockerClient, uri: str) -> None:
    """Remove a repository's names from the daemon's images; the layers stay as build cache. Blocking."""
    for name in images.names(client):
        if name.startswith((f"{uri}:", f"{uri}@")):
            with contextlib.suppress(APIError):
                client.images.remove(name, force=True, noprune=True)  # a build may use its layers
