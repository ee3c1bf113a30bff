"""Two Pulumi projects in one account and region share no name; the project `slipway` keeps the names it has."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from contract import names as contract_names
from infra.config.errors import ConfigError
from infra.config.loading import load

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = json.dumps({"services": {"web": {"context": "app", "port": 8080}}})
LIST = """
import json
from contract import names
from infra.aws import names as own
print(json.dumps([
    own.cluster("staging"), own.repository("web"), own.log_group("staging", "web"), own.task_role_path("staging"),
    own.dashboard("staging"), own.pipeline("prod"), own.build_log_group("prod", "test"), own.preview_role("staging"),
    names.release_family("staging", "web"), names.template_family("staging", "web"),
    names.service_parameter("staging", "web"), names.environment_parameter("staging"),
    names.pipeline_parameter("staging"),
]))
"""


def named(folder: Path, project: str) -> list[str]:
    """Return the names in an account that a project of this name has for the same stacks and services."""
    for package in ("contract", "infra"):
        shutil.copytree(ROOT / package, folder / package)
    (folder / "Pulumi.yaml").write_text(f"name: {project}\nruntime: python\n")
    done = subprocess.run([sys.executable, "-c", LIST], cwd=folder, capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


def test_another_project_has_other_names(tmp_path: Path) -> None:
    """Task definition families among them, which belong to the account and not to a cluster."""
    ours, theirs = named(tmp_path / "ours", "slipway"), named(tmp_path / "theirs", "shop")
    assert not set(ours) & set(theirs)
    assert all("shop" in name for name in theirs)
    assert {"staging-web", "staging-web-template", "slipway-staging", "/slipway/staging/services/web"} <= set(ours)


@pytest.mark.parametrize("line", ["name: shop", 'name: "shop"', "name: 'shop'  # the shop"])
def test_the_projects_name_is_read_from_its_file(tmp_path: Path, line: str) -> None:
    """As Pulumi reads it."""
    (tmp_path / "Pulumi.yaml").write_text(f"# a project\n{line}\ndescription: a shop\n")
    assert contract_names.project(tmp_path / "Pulumi.yaml") == "shop"


def test_a_file_without_a_name_is_said_so(tmp_path: Path) -> None:
    """With the line that it lacks."""
    (tmp_path / "Pulumi.yaml").write_text("runtime: python\n")
    with pytest.raises(ValueError, match="has no line `name: PROJECT`; add it"):
        contract_names.project(tmp_path / "Pulumi.yaml")


def refusal(project: str, *, stack: str = "staging", **config: str) -> str:
    """Return the message of a refused configuration."""
    whole = {"aws:region": "eu-central-1", "slipway:environment": ENVIRONMENT, "slipway:registry": "{}", **config}
    with pytest.raises(ConfigError) as error:
        load(whole, stack=stack, organization="organization", project=project)
    return str(error.value)


@pytest.mark.parametrize("project", ["Shop", "my_shop", "shop.app", "2shop", "shop--app", "shop-", "aws-shop"])
def test_a_project_whose_name_aws_does_not_take_is_refused(project: str) -> None:
    """Before a repository, parameter or snapshot is."""
    message = refusal(project)
    assert message.startswith(f'Pulumi.staging.yaml: pulumi:project is "{project}"; names of repositories, ')
    assert message.endswith("correct `name` in Pulumi.yaml")


def test_a_project_whose_name_is_too_long_is_refused() -> None:
    """A connection's name is the shortest of AWS's that are made of project and stack."""
    assert "with the stack's name it has 33 characters, and a connection's name at most 32; " in refusal("a" * 25)


def test_the_tag_of_another_project_is_refused() -> None:
    """A stack file that was copied from it would let either's `delivery clean` remove what the other one runs."""
    tags = json.dumps({"tags": {"project": "slipway", "environment": "staging"}})
    assert refusal("shop", **{"aws:defaultTags": tags}) == (
        'Pulumi.staging.yaml: aws:defaultTags has the tag project "slipway"; `delivery clean` finds by it what a '
        "project left, so it must be shop, the name in Pulumi.yaml; run: "
        "pulumi config set --path 'aws:defaultTags.tags.project' shop"
    )
