"""Multi-platform images: the index, and the verification of a task that runs one of its images."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from delivery import environment
from delivery.console import Progress
from delivery.deploying import answers, proof, revisions, running_tasks
from delivery.errors import DeliveryError
from delivery.release import indexing, manifest
from delivery.release.images import DOCKER_IMAGE, DOCKER_LIST, OCI_IMAGE, OCI_INDEX
from delivery.release.manifest import Image, Manifest
from delivery.session import Session
from infra.aws import platforms
from localcloud.docker_engine import qemu
from tests import service_facts

if TYPE_CHECKING:
    from pathlib import Path

AMD, ARM = "linux/amd64", "linux/arm64"
COMMIT = "1a2b3c4d"
DIGEST = "sha256:" + "0" * 64
WEB = service_facts.service(platform=ARM)
PLACE = environment.Environment(stack="staging", url="http://x", cluster="c", services=(WEB,))


def stubbed(service: str) -> tuple[Any, Stubber]:
    """Return a boto3 client with stubbed responses, which are validated by the service's model."""
    client = boto3.client(service, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    return client, Stubber(client)


def session(clients: dict[str, Any]) -> Session:
    """Return a session for staging with these clients."""
    return Session(clients=clients.__getitem__, environment=PLACE, say=Progress())


def built(platform: str, *, commit: str = COMMIT, service: str = "web") -> Manifest:
    """Return the manifest of a build for one platform."""
    image = Image(repository="slipway/web", digest=DIGEST, version=commit)
    return Manifest(commit=commit, execution="run-1", services={service: image}, platform=platform)


def holds(stub: Stubber, kind: str, text: str) -> None:
    """Stub the next response: the repository's manifest."""
    image = {"imageManifest": text, "imageManifestMediaType": kind}
    asked = {"repositoryName": "slipway/web", "imageIds": ANY, "acceptedMediaTypes": ANY}
    stub.add_response("batch_get_image", {"images": [image]}, asked)


def test_one_platform_is_one_build_and_a_second_one_beside_it_changes_nothing_of_it() -> None:
    """The build project of the services' own platform keeps its name."""
    assert platforms.build_projects(None, ARM) == {"build": ARM}
    assert platforms.build_projects([ARM], ARM) == {"build": ARM}
    assert platforms.build_projects([ARM, AMD], AMD) == {"build": AMD, "build-arm64": ARM}
    assert platforms.build_projects([ARM, AMD], ARM) == {"build": ARM, "build-amd64": AMD}


def test_the_index_is_the_same_for_the_same_images() -> None:
    """A commit that is built twice has one index; the order of images does not matter."""
    parts = {ARM: (DOCKER_IMAGE, b"arm"), AMD: (DOCKER_IMAGE, b"amd!")}
    kind, text = indexing.document(parts)
    assert (kind, text) == indexing.document(dict(reversed(parts.items())))
    index = json.loads(text)
    assert (index["schemaVersion"], index["mediaType"], kind) == (2, DOCKER_LIST, DOCKER_LIST)
    assert [(one["platform"], one["size"]) for one in index["manifests"]] == [
        ({"architecture": "amd64", "os": "linux"}, 4),
        ({"architecture": "arm64", "os": "linux"}, 3),
    ]
    # SHA-256 of "arm".
    assert index["manifests"][1]["digest"] == "sha256:ddf7ff5ebd9d66ce161466c1c0262430fa04de32b0e420ee3f489e2e2112e386"


def test_images_of_the_oci_kind_make_an_oci_index() -> None:
    """Docker's manifest list cannot contain them."""
    assert indexing.document({AMD: (DOCKER_IMAGE, b""), ARM: (OCI_IMAGE, b"")})[0] == OCI_INDEX


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ([built(AMD), built(AMD)], "an index has one image a platform, these are linux/amd64, linux/amd64"),
        ([built(AMD), built(ARM, commit="ffffffff")], "an index is of one commit"),
        ([built(AMD), built(ARM, service="api")], "built for linux/arm64 holds the services api, the stack has web"),
    ],
)
def test_what_does_not_belong_together_makes_no_index(tmp_path: Path, parts: list[Manifest], word: str) -> None:
    """No request is sent to the registry, and no release is written."""
    ecr, stub = stubbed("ecr")
    with stub, pytest.raises(DeliveryError, match=word):
        indexing.run(ecr, PLACE, parts, tmp_path, Progress())
    assert not list(tmp_path.iterdir())


def test_an_index_of_an_index_is_refused(tmp_path: Path) -> None:
    """A builder that adds attestations pushes an index, which cannot be nested."""
    ecr, stub = stubbed("ecr")
    holds(stub, OCI_INDEX, "{}")
    with stub, pytest.raises(DeliveryError, match=r"is application/vnd.oci.image.index.v1\+json, not an image"):
        indexing.run(ecr, PLACE, [built(AMD), built(ARM)], tmp_path, Progress())


def test_a_commit_released_for_other_platforms_keeps_its_tag(tmp_path: Path) -> None:
    """The tag is immutable: the error asks for a new commit, and no release is written."""
    ecr, stub = stubbed("ecr")
    for text in ("one", "two"):
        holds(stub, DOCKER_IMAGE, text)
    stub.add_client_error("put_image", "ImageTagAlreadyExistsException")
    stub.add_response("describe_images", {"imageDetails": [{"imageDigest": DIGEST}]})
    with stub, pytest.raises(DeliveryError, match=f"candidate-{COMMIT} .* is on {DIGEST}, not on the index .* push"):
        indexing.run(ecr, PLACE, [built(AMD), built(ARM)], tmp_path, Progress())
    assert not list(tmp_path.iterdir())


def test_the_index_names_the_suite_that_one_of_the_builds_pushed(tmp_path: Path) -> None:
    """That of the platform that it runs on; the other build names none."""
    ecr, stub = stubbed("ecr")
    for text in ("one", "two"):
        holds(stub, DOCKER_IMAGE, text)
    stub.add_response("put_image", {})
    own = built(AMD)
    suite = f"sha256:{'5' * 64}"
    own = replace(own, services={"web": replace(own.services["web"], suite=suite)})
    with stub:
        made = indexing.run(ecr, PLACE, [built(ARM), own], tmp_path, Progress())
    assert made.services["web"].suite == suite


def test_what_was_built_for_one_platform_is_no_release(tmp_path: Path) -> None:
    """A release cannot be part of an index either: each is refused in place of the other."""
    part, release = tmp_path / "part.json", tmp_path / "release.json"
    built(ARM).write(part)
    built("").write(release)
    assert "platform" not in json.loads(release.read_text())
    assert manifest.read(part, of_platform=True).platform == ARM
    with pytest.raises(DeliveryError, match=r"holds the images of linux/arm64 alone; give what `delivery index` wrote"):
        manifest.read(part)
    with pytest.raises(DeliveryError, match="is a release, not of one platform"):
        manifest.read(release, of_platform=True)


def index_of(arm: str, amd: str) -> str:
    """Return an index of two digests."""
    rows = [
        {"mediaType": OCI_IMAGE, "size": 1, "digest": digest, "platform": {"os": "linux", "architecture": architecture}}
        for architecture, digest in (("amd64", amd), ("arm64", arm))
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": rows})


def task(digest: str) -> dict[str, Any]:
    """Return a running task as ECS describes it."""
    return {
        "lastStatus": "RUNNING",
        "taskDefinitionArn": "staging-web:2",
        "containers": [{"name": "web", "imageDigest": digest}],
    }


@pytest.mark.parametrize(
    ("shown", "wrong"),
    [
        ("sha256:index", ""),
        ("sha256:arm", ""),
        ("sha256:amd", "a task runs the image sha256:amd, not sha256:index"),
        ("sha256:other", "a task runs the image sha256:other, not sha256:index"),
    ],
)
def test_a_task_proves_an_index_by_its_digest_or_by_the_image_of_its_platform(
    monkeypatch: pytest.MonkeyPatch, shown: str, wrong: str
) -> None:
    """The image of another platform does not count."""
    monkeypatch.setattr(answers, "wrong_answers", lambda *_: None)
    monkeypatch.setattr(answers, "tells", lambda *_: True)
    monkeypatch.setattr(revisions, "as_run", lambda session: session.environment)
    telling = proof.Telling(frozenset({"web"}))
    ecs, asked = stubbed("ecs")
    ecr, registry = stubbed("ecr")
    asked.add_response("describe_services", {"services": [{"status": "ACTIVE", "desiredCount": 1}]})
    asked.add_response("list_tasks", {"taskArns": ["a"]})
    asked.add_response("describe_tasks", {"tasks": [task(shown)]})
    if shown != "sha256:index":
        holds(registry, OCI_INDEX, index_of("sha256:arm", "sha256:amd"))
    clients = {"ecs": ecs, "ecr": ecr, "elbv2": None}
    expected = [proof.Expected(service=WEB, revision="staging-web:2", digest="sha256:index", version="v")]
    with asked, registry:
        if not wrong:
            proof.prove(session(clients), expected, telling, 0)
            return
        with pytest.raises(DeliveryError, match=wrong):
            proof.prove(session(clients), expected, telling, -1)


def test_what_is_served_is_the_index_whichever_digest_ecs_shows() -> None:
    """Acceptance compares it with the release and tags it for production."""
    ecs, asked = stubbed("ecs")
    ecr, registry = stubbed("ecr")
    asked.add_response("list_tasks", {"taskArns": ["a"]})
    asked.add_response("describe_tasks", {"tasks": [task("sha256:arm")]})
    container = {"name": "web", "image": f"r@{DIGEST}", "environment": [{"name": "APP_VERSION", "value": "v"}]}
    asked.add_response("describe_task_definition", {"taskDefinition": {"containerDefinitions": [container]}})
    holds(registry, OCI_INDEX, index_of("sha256:arm", "sha256:amd"))
    with asked, registry:
        found = running_tasks.release(session({"ecs": ecs, "ecr": ecr}), WEB)
    assert found == (DIGEST, "v")


HANDLER = "enabled\ninterpreter /usr/bin/qemu\nflags: {}\noffset 0\nmagic {}\nmask ff\n"
ARM_MAGIC = "7f454c460201010000000000000000000200b700"


@pytest.mark.parametrize(
    ("text", "handled"),
    [
        (HANDLER.format("OF", ARM_MAGIC), True),
        (HANDLER.format("OF", ARM_MAGIC).replace("enabled", "disabled"), False),
        (HANDLER.format("", ARM_MAGIC), False),
        (HANDLER.format("OF", "7f454c460201010000000000000000000200f300"), False),
    ],
)
def test_emulation_counts_where_the_kernel_does_it_in_containers_too(tmp_path: Path, text: str, handled: bool) -> None:  # noqa: FBT001
    """It must be enabled, be for this architecture, and have flag F, since containers have no QEMU."""
    (tmp_path / "status").write_text("enabled\n")
    (tmp_path / "register").write_text("")
    assert not qemu.handled(tmp_path)
    (tmp_path / "qemu").write_text(text)
    assert qemu.handled(tmp_path) is handled
    assert not qemu.handled(tmp_path / "none")


def test_a_build_machine_may_have_other_values_of_the_stacks_build_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the base images of its platform; arguments that the stack does not have are ignored."""
    ssm, stub = stubbed("ssm")
    web = service_facts.service(build_args={"PYTHON_IMAGE": "of-stack", "MODE": "m"})
    held = {"environment": '{"url": "http://x", "cluster": "c"}', "services/web": web.payload()}
    answer = {"Parameters": [{"Name": f"/slipway/staging/{name}", "Value": value} for name, value in held.items()]}
    monkeypatch.setenv("BUILD_ARGS", json.dumps({"PYTHON_IMAGE": "for-arm", "OTHER": "x"}))
    with stub:
        for image in ("for-arm", "of-stack"):
            stub.add_response("get_parameters_by_path", answer)
            found = environment.read(ssm, "staging")
            assert found.services[0].build_args == {"PYTHON_IMAGE": image, "MODE": "m"}
            monkeypatch.delenv("BUILD_ARGS", raising=False)
