"""Multi-platform images: the registry's indexes, by its API and by a real Docker Engine."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import docker
import pytest
from botocore.exceptions import ClientError

from delivery import environment
from delivery.console import Progress
from delivery.errors import DeliveryError
from delivery.release import building, indexing
from delivery.release.images import DOCKER_LIST, OCI_INDEX
from delivery.release.manifest import Image, Manifest
from localcloud.docker_engine import qemu
from support.cloud import ROLE, Site
from tests import service_facts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cloud import Cloud

AMD, ARM = "linux/amd64", "linux/arm64"
REPOSITORY = "platforms/web"
COMMIT = "1a2b3c4d5e6f"
# An image for another platform need not contain a program: a file is the same on every platform.
DOCKERFILE = 'FROM scratch\nCOPY platform /platform\nCMD ["/none"]\n'


class Shelf:
    """A repository with immutable tags, and images for both platforms in it."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        """Create the repository and push a commit's images as the builds for each platform do."""
        self.ecr, self.engine, self.folder = cloud.client("ecr"), docker.from_env(), folder
        made = self.ecr.create_repository(repositoryName=REPOSITORY, imageTagMutability="IMMUTABLE")
        self.uri = str(made["repository"]["repositoryUri"])
        self.digests = {platform: self.push(platform, f"candidate-{COMMIT}-{platform[6:]}") for platform in (AMD, ARM)}

    def push(self, platform: str, tag: str, dockerfile: str = DOCKERFILE) -> str:
        """Build a one-file image for a platform and push it; returns its digest."""
        (self.folder / "Dockerfile").write_text(dockerfile)
        (self.folder / "platform").write_text(f"{platform} {tag}")
        name = f"{self.uri}:{tag}"
        self.engine.images.build(path=str(self.folder), tag=name, platform=platform, rm=True, nocache=True)
        told = self.engine.images.push(self.uri, tag=tag, auth_config=self.login())
        assert "errorDetail" not in told, told
        self.engine.images.remove(name, force=True)
        return self.digest(tag)

    def login(self) -> dict[str, str]:
        """Return Docker's credentials for the registry."""
        token = self.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        user, _, password = base64.b64decode(token).decode().partition(":")
        return {"username": user, "password": password}

    def digest(self, tag: str) -> str:
        """Return the digest of a tag."""
        return str(self.detail({"imageTag": tag})["imageDigest"])

    def detail(self, image: dict[str, str]) -> dict[str, Any]:
        """Return ECR's description of an image."""
        return dict(self.ecr.describe_images(repositoryName=REPOSITORY, imageIds=[image])["imageDetails"][0])

    def service(self, platform: str = "") -> environment.Service:
        """Return the repository's service."""
        return service_facts.service(repository_url=self.uri, platform=platform)

    def index(self, folder: Path, commit: str = COMMIT, **digests: str) -> Manifest:
        """Create the index of a commit by `delivery index`."""
        place = environment.Environment(stack="staging", url="http://x", cluster="c", services=(self.service(),))
        built = [
            Manifest(
                commit=commit,
                execution="run-1",
                platform=platform,
                services={
                    "web": Image(repository=REPOSITORY, digest=digests.get(platform[6:], digest), version=commit)
                },
            )
            for platform, digest in self.digests.items()
        ]
        return indexing.run(self.ecr, place, built, folder, Progress())

    def delete(self, *images: dict[str, str]) -> list[dict[str, Any]]:
        """Delete images; returns the failures."""
        return list(self.ecr.batch_delete_image(repositoryName=REPOSITORY, imageIds=list(images))["failures"])

    def pulled(self, platform: str, reference: str) -> tuple[str, str, str]:
        """Pull an image for a platform by Docker; returns its architecture, file content and repository digest."""
        name, _, digest = reference.partition("@")
        image = self.engine.images.pull(name, tag=digest, platform=platform, auth_config=self.login())
        container = self.engine.containers.create(image.id, platform=platform)
        try:
            stream, _ = container.get_archive("/platform")
            text = b"".join(stream)[512:].rstrip(b"\0").decode()
        finally:
            container.remove()
        known = [entry for entry in image.attrs["RepoDigests"] if entry.startswith(self.uri)]
        for entry in known:
            self.engine.images.remove(entry, force=True)
        return str(image.attrs["Architecture"]), text, known[0].partition("@")[2]


@pytest.fixture(scope="module")
def shelf(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """A repository with one commit's images for both platforms."""
    made = Shelf(cloud, tmp_path_factory.mktemp("platforms"))
    yield made
    made.ecr.delete_repository(repositoryName=REPOSITORY, force=True)


@pytest.fixture(scope="module")
def release(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The manifest of the commit's release: an index of both images."""
    folder = tmp_path_factory.mktemp("release")
    made = shelf.index(folder)
    assert json.loads((folder / "release.json").read_text())["services"]["web"]["digest"] == made.services["web"].digest
    return made


def test_the_index_is_the_commits_candidate_and_names_both_images(shelf: Shelf, release: Manifest) -> None:
    """Its tag differs from those of the images; it is described as on AWS."""
    digest = release.services["web"].digest
    found = shelf.detail({"imageTag": f"candidate-{COMMIT}"})
    assert (found["imageDigest"], found["imageManifestMediaType"]) == (digest, DOCKER_LIST)
    assert "artifactMediaType" not in found
    sizes = [shelf.detail({"imageDigest": one})["imageSizeInBytes"] for one in shelf.digests.values()]
    assert found["imageSizeInBytes"] == max(sizes)
    assert indexing.platforms_of(shelf.ecr, REPOSITORY, digest) == shelf.digests
    assert indexing.platforms_of(shelf.ecr, REPOSITORY, shelf.digests[ARM]) == {}


def test_docker_takes_the_image_of_its_platform_from_the_index(shelf: Shelf, release: Manifest) -> None:
    """Pulled by the release's digest, as in a deployment; Docker records that digest for either image."""
    digest = release.services["web"].digest
    for platform in (AMD, ARM):
        told = shelf.pulled(platform, f"{shelf.uri}@{digest}")
        assert told == (platform[6:], f"{platform} candidate-{COMMIT}-{platform[6:]}", digest)


def test_the_same_commit_again_is_the_same_index(shelf: Shelf, release: Manifest, tmp_path: Path) -> None:
    """Nothing is created a second time."""
    assert shelf.index(tmp_path) == release


def test_a_tag_that_names_an_index_never_moves(shelf: Shelf, release: Manifest, tmp_path: Path) -> None:
    """Neither to another index nor to an image."""
    other = shelf.push(ARM, "other")
    with pytest.raises(DeliveryError, match=f"candidate-{COMMIT} .* is on {release.services['web'].digest}"):
        shelf.index(tmp_path, arm64=other)
    text = shelf.ecr.batch_get_image(repositoryName=REPOSITORY, imageIds=[{"imageDigest": other}])["images"][0]
    with pytest.raises(ClientError) as refused:
        shelf.ecr.put_image(
            repositoryName=REPOSITORY, imageManifest=text["imageManifest"], imageTag=f"candidate-{COMMIT}"
        )
    assert refused.value.response["Error"]["Code"] == "ImageTagAlreadyExistsException"


def test_an_index_of_an_image_that_is_not_there_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    """By delivery before any request, and by the registry as on AWS."""
    missing = "sha256:" + "0" * 64
    with pytest.raises(DeliveryError, match=f"has no image {missing}"):
        shelf.index(tmp_path, commit="ffffffff", arm64=missing)
    row = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1, "digest": missing}
    text = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [row]})
    with pytest.raises(ClientError) as refused:
        shelf.ecr.put_image(
            repositoryName=REPOSITORY, imageManifest=text, imageManifestMediaType=OCI_INDEX, imageTag="none"
        )
    assert refused.value.response["Error"]["Code"] == "ReferencedImagesNotFoundException"


def test_an_image_cannot_be_deleted_before_the_index_that_names_it(shelf: Shelf, tmp_path: Path) -> None:
    """By its digest or its only tag, alone or with the index; afterwards it can."""
    arm = shelf.push(ARM, "candidate-ffffffff-arm64")
    digest = shelf.index(tmp_path, commit="ffffffff", arm64=arm).services["web"].digest
    for images in (
        [{"imageDigest": arm}],
        [{"imageTag": "candidate-ffffffff-arm64"}],
        [{"imageDigest": arm}, {"imageDigest": digest}],
    ):
        (failure,) = shelf.delete(*images)
        assert failure["failureCode"] == "ImageReferencedByManifestList"
        assert digest in failure["failureReason"]
    assert shelf.detail({"imageDigest": arm})["imageTags"] == ["candidate-ffffffff-arm64"]
    assert shelf.delete({"imageDigest": arm}) == []
    assert [one["failureCode"] for one in shelf.delete({"imageDigest": digest})] == ["ImageNotFound"]
    assert shelf.detail({"imageDigest": shelf.digests[AMD]})


def test_a_task_runs_the_image_of_its_processors_from_the_index(cloud: Cloud, shelf: Shelf, tmp_path: Path) -> None:
    """Each image exits with its own code; the one for linux/arm64 runs only if that is emulated."""
    site, emulated = Site(cloud, "platforms"), qemu.ready(docker.from_env())
    bases = {AMD: cloud.variables["PYTHON_IMAGE"], ARM: "scratch"}
    bases |= {ARM: qemu.STAND_INS.python} if emulated else {}
    text = 'FROM {}\nCOPY platform /platform\nCMD ["python3", "-c", "raise SystemExit({})"]\n'
    codes = {AMD: 41, ARM: 42}
    parts = {one[6:]: shelf.push(one, f"runs-{one[6:]}", text.format(bases[one], codes[one])) for one in (AMD, ARM)}
    digest = shelf.index(tmp_path, commit="eeeeeeee", **parts).services["web"].digest
    for architecture, platform in (("X86_64", AMD), *([("ARM64", ARM)] if emulated else [])):
        runtime = {"cpuArchitecture": architecture, "operatingSystemFamily": "LINUX"}
        definition = cloud.client("ecs").register_task_definition(
            family="platforms",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn=ROLE,
            runtimePlatform=runtime,
            containerDefinitions=[{"name": "web", "image": f"{shelf.uri}@{digest}"}],
        )["taskDefinition"]["taskDefinitionArn"]
        (container,) = site.run(definition)["containers"]
        assert container["exitCode"] == codes[platform], container
        assert container["imageDigest"] == digest


def test_a_task_for_processors_that_are_not_here_is_refused_by_name(cloud: Cloud) -> None:
    """Otherwise it would silently run an index's image for this machine's platform."""
    definition: dict[str, Any] = {
        "family": "platforms",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [{"name": "web", "image": "any"}],
        "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
    }
    if qemu.ready(docker.from_env()):
        assert cloud.client("ecs").register_task_definition(**definition)["taskDefinition"]["revision"]
        return
    with pytest.raises(
        ClientError, match=r"cannot run ARM64 on this machine, x86_64; to emulate it, run: bin/localcloud emulate"
    ):
        cloud.client("ecs").register_task_definition(**definition)


def test_an_image_for_another_platform_than_asked_for_is_not_pushed(shelf: Shelf) -> None:
    """A Dockerfile with a fixed platform of its base ignores the requested one."""
    name = f"{shelf.uri}:wrong"
    shelf.engine.images.build(path=str(shelf.folder), tag=name, platform=AMD, rm=True)
    try:
        building._check_platform(shelf.service(AMD), name)
        with pytest.raises(DeliveryError, match="web: the image is for linux/amd64, not for linux/arm64; name base"):
            building._check_platform(shelf.service(ARM), name)
    finally:
        shelf.engine.images.remove(name, force=True)
