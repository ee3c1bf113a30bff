"""Manifests, images by commit, release revisions and what "good" means; the package list of an image."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from delivery.deploying import registration, revisions
from delivery.deploying.revisions import Revision
from delivery.environment import Environment
from delivery.errors import DeliveryError
from delivery.release import building, manifest, sbom
from tests.service_facts import service

if TYPE_CHECKING:
    from pathlib import Path

COMMIT, OTHER = "a" * 40, "b" * 40
DIGEST, SECOND = f"sha256:{'0' * 64}", f"sha256:{'1' * 64}"
WEB = service("web", "s", build_args={"PYTHON_IMAGE": "python:3.11"})
STAGING = Environment(stack="staging", url="http://s", cluster="c", services=(WEB,))


def stubbed(service: str) -> tuple[Any, Stubber]:
    """Return a real client whose answers are given by the test."""
    client = boto3.client(service, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    return client, Stubber(client)


def revision(number: int, status: str = "ACTIVE", **tags: str) -> dict[str, Any]:
    """Return DescribeTaskDefinition's answer."""
    definition = {
        "taskDefinitionArn": f"arn:aws:ecs:eu-west-1:1:task-definition/s-web:{number}",
        "family": "s-web",
        "revision": number,
        "status": status,
        "containerDefinitions": [{"name": "web", "image": f"x@{DIGEST}"}],
    }
    return {
        "taskDefinition": definition,
        "tags": [{"key": f"slipway:{key}", "value": value} for key, value in tags.items()],
    }


def start(answer: dict[str, Any]) -> Revision:
    """Return a revision of an answer."""
    tags = {tag["key"]: tag["value"] for tag in answer["tags"]}
    return Revision(definition=answer["taskDefinition"], tags=tags, container="web")


def arn(number: int) -> str:
    """Return a revision's ARN."""
    return str(revision(number)["taskDefinition"]["taskDefinitionArn"])


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    """And told in one variable of the pipeline."""
    web = manifest.Image(repository="slipway/web", digest=DIGEST, version=COMMIT)
    made = manifest.Manifest(commit=COMMIT, execution="e", services={"web": web, "api": web})
    made.write(tmp_path / "release.json")
    assert manifest.read(tmp_path / "release.json") == made
    assert made.text() == f"api@{DIGEST} web@{DIGEST}"
    longest = manifest.TEXT_LIMIT - len(made.text()) - len(f" @{DIGEST}")
    full = replace(made, services={**made.services, "z" * longest: web})
    assert len(full.text()) == manifest.TEXT_LIMIT
    more = replace(made, services={**made.services, "z" * (longest + 1): web})
    assert more.text().endswith(" and 1 more")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no release manifest"),
        ("{}", "no release manifest"),
        (json.dumps({"commit": "main", "services": {}}), "commit is 'main'"),
        (
            json.dumps(
                {"commit": COMMIT, "services": {"web": {"repository": "r", "digest": "latest", "version": COMMIT}}}
            ),
            "digest of web is 'latest'",
        ),
    ],
)
def test_what_is_no_manifest_is_refused_with_the_file_and_the_remedy(tmp_path: Path, text: str, told: str) -> None:
    """One line, whatever is wrong."""
    path = tmp_path / "release.json"
    path.write_text(text)
    with pytest.raises(DeliveryError, match=f"release.json.*{told}.*delivery build"):
        manifest.read(path)


def test_what_runs_is_good_once_it_passed() -> None:
    """Then it is what a failure goes back to; nothing is asked."""
    client, stub = stubbed("ecs")
    with stub:
        running = start(revision(3, commit=COMMIT, result="passed 2026"))
        assert revisions.good(client, running, "s-web") is running


def test_what_was_never_tested_is_gone_past_along_its_chain() -> None:
    """Over one that was put back and one that is INACTIVE, to one that passed."""
    client, stub = stubbed("ecs")
    stub.add_response("describe_task_definition", revision(4, commit=COMMIT, result="failed 2026", replaces=arn(3)))
    stub.add_response(
        "describe_task_definition", revision(3, "INACTIVE", commit=OTHER, result="passed", replaces=arn(2))
    )
    stub.add_response("describe_task_definition", revision(2, commit=OTHER, result="passed 2026"))
    with stub:
        found = revisions.good(client, start(revision(5, commit=COMMIT, replaces=arn(4))), "s-web")
    assert found is not None
    assert found.number == 2


def test_a_broken_chain_leads_to_the_newest_good_one_of_the_family() -> None:
    """The first revision of a family is good by itself; another family with the same beginning is not asked."""
    client, stub = stubbed("ecs")
    stub.add_client_error("describe_task_definition", "ClientException")
    arns = ["arn:aws:ecs:eu-west-1:1:task-definition/s-web-template:9", arn(5), arn(1)]
    stub.add_response("list_task_definitions", {"taskDefinitionArns": arns})
    stub.add_response("describe_task_definition", revision(5, commit=COMMIT))
    stub.add_response("describe_task_definition", revision(1))
    with stub:
        found = revisions.good(client, start(revision(5, commit=COMMIT, replaces=arn(4))), "s-web")
    assert found is not None
    assert found.number == 1


def test_a_release_is_its_template_with_the_image_and_the_version() -> None:
    """Whatever else the template holds stays; what only AWS writes is left out; order does not matter."""
    client, _ = stubbed("ecs")
    kept = [{"name": "PORT", "value": "8080"}, {"name": "APP_VERSION", "value": "old"}]
    side = {"name": "side", "image": "proxy:1", "environment": []}
    definition = revision(1)["taskDefinition"] | {
        "cpu": "256",
        "registeredBy": "me",
        "containerDefinitions": [side, {"name": "web", "image": "x:template", "environment": kept}],
    }
    template = Revision(definition=definition, tags={}, container="web")
    image = manifest.Image(repository="slipway/web", digest=DIGEST, version=COMMIT)
    made = registration.content(client, template, f"x@{DIGEST}", image)
    assert set(made) == {"cpu", "containerDefinitions"}
    assert made["containerDefinitions"][0] == side
    own = {pair["name"]: pair["value"] for pair in made["containerDefinitions"][1]["environment"]}
    assert own == {"PORT": "8080", "APP_VERSION": COMMIT, "IMAGE_DIGEST": DIGEST}
    mixed = made["containerDefinitions"][1] | {"environment": made["containerDefinitions"][1]["environment"][::-1]}
    released = Revision(
        definition=definition | {"containerDefinitions": [made["containerDefinitions"][0], mixed]},
        tags={},
        container="web",
    )
    assert registration.same(client, released, made)
    assert not registration.same(client, released, made | {"cpu": "512"})
    commands = [{**made["containerDefinitions"][1], "command": [*words]} for words in ("ab", "ba")]
    told = replace(released, definition=definition | {"containerDefinitions": [side, commands[0]]})
    for container, equal in zip(commands, (True, False), strict=True):
        assert registration.same(client, told, made | {"containerDefinitions": [side, container]}) is equal


def test_pulumis_own_revision_is_never_written_to() -> None:
    """Else `refresh` would show tags that the program does not know."""
    client, stub = stubbed("ecs")
    with stub:
        revisions.note(client, start(revision(1)), "passed")


def test_the_build_gets_the_stacks_arguments_and_the_commit(tmp_path: Path) -> None:
    """No secret is among them, and a missing Dockerfile is named."""
    (tmp_path / "app").mkdir()
    with pytest.raises(DeliveryError, match="app/Dockerfile does not exist"):
        building.command(WEB, COMMIT, "i", tmp_path)
    (tmp_path / "app" / "Dockerfile").touch()
    made = building.command(WEB, COMMIT, "i", tmp_path)
    assert made[-3:-1] == [f"--build-arg=COMMIT={COMMIT}", "--build-arg=PYTHON_IMAGE=python:3.11"]
    assert "--target=release" in made


def test_a_bill_of_materials_lists_what_package_databases_say() -> None:
    """Debian (not what was removed), Alpine and Python; and says that it covers only these."""
    status = (
        "Package: bash\nStatus: install ok installed\nVersion: 5.2\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n"
    )
    found = [
        *sbom.debian(status),
        *sbom.alpine("P:musl\nV:1.2\n\nP:zlib\nV:1.3\n"),
        *sbom.python("Metadata-Version: 2.1\nName: Jinja2\nVersion: 3.1\n\nVersion: no\n"),
    ]
    made = sbom.document(found, "web", COMMIT)
    purls = [one["purl"] for one in made["components"]]
    assert purls == [
        "pkg:deb/debian/bash@5.2",
        "pkg:apk/alpine/musl@1.2",
        "pkg:apk/alpine/zlib@1.3",
        "pkg:pypi/jinja2@3.1",
    ]
    assert "only" in made["metadata"]["properties"][0]["value"]
