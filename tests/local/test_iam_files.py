"""The statements in docs/iam suffice: a principal with exactly these brings stacks up, previews and destroys them."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests import iam_files
from tests.local.releases import REPOSITORY, Releases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.local.workspace import Workspace

pytestmark = [pytest.mark.local, pytest.mark.rare]
ACCOUNT = "000000000000"
TRUST = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
NAMES = {"AWS_ACCESS_KEY_ID": "AccessKeyId", "AWS_SECRET_ACCESS_KEY": "SecretAccessKey"}
NAMES["AWS_SESSION_TOKEN"] = "SessionToken"
# The provider asks for the user first, and for the caller's identity where that is refused (aws-sdk-go-base).
REFUSED = {"iam:GetUser *"}
NOT_NEEDED = re.compile("ecr:(BatchCheckLayerAvailability|GetDownloadUrlForLayer) |iam:GetRole .*AWSServiceRoleFor")
"""Docker first tries to mount layers that it pushed to other repositories of the registry, in other tests, and uploads
them if it may not; whoever previews need not look for service-linked roles (infra/live/service_linked.py)."""
ENVIRONMENT = "slipway:environment"


class Principal:
    """A role with the statements of a file in docs/iam and no others."""

    def __init__(self, workspace: Workspace, file: str) -> None:
        """Create the role and assume it."""
        self._workspace, self.name = workspace, f"iam-file-{file}"
        iam = workspace.client("iam")
        rights = (iam_files.FOLDER / f"{file}.json").read_text("utf-8")
        document = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
        self.arn = iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        iam.put_role_policy(RoleName=self.name, PolicyName="rights", PolicyDocument=rights)
        asked = {"RoleArn": self.arn, "RoleSessionName": self.name, "DurationSeconds": 43200}
        given = workspace.client("sts").assume_role(**asked)["Credentials"]
        self._more = {"PULUMI_AS": json.dumps({key: given[name] for key, name in NAMES.items()})}
        self._more["PYTHONPATH"] = f"{workspace.root}:{workspace.root}/localcloud/src"

    def pulumi(self, *arguments: str) -> str:
        """Run pulumi with the role's credentials, which must succeed; returns its output."""
        script = str(self._workspace.root / "tests/local/pulumi_as.py")
        done = self._workspace.run(sys.executable, script, *arguments, more=self._more)
        assert done.returncode == 0, f"{arguments}:\n{done.stdout[-6000:]}\n{self.refused()}"
        return done.stdout

    def up(self, stack: str) -> None:
        """Run `pulumi up`."""
        self.pulumi("up", "-s", stack, "--yes", "--skip-preview")

    def destroy(self, stack: str) -> None:
        """Run `pulumi destroy`, and remove what Pulumi leaves by intention as this machine's user."""
        self.pulumi("destroy", "-s", stack, "--yes", "--skip-preview")
        assert self._workspace.delivery("clean", "--stack", stack).returncode == 0

    def requests(self) -> dict[str, bool]:
        """Return what the role had to be allowed so far, and whether it was."""
        log = self._workspace.root / ".localcloud/log/decisions.jsonl"
        rows = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
        return {
            iam_files.shown(row["action"], row["resource"], row["keys"]): not row["refused"]
            for row in rows
            if row["role"] == self.arn
        }

    def refused(self) -> list[str]:
        """Return what the role was refused, but for what the provider does without."""
        lines = sorted(line for line, allowed in self.requests().items() if not allowed and line not in REFUSED)
        return [line for line in lines if not NOT_NEEDED.match(line)]


@pytest.fixture(scope="module")
def up(workspace: Workspace) -> Principal:
    """The principal for `pulumi up`."""
    return Principal(workspace, "up")


@pytest.fixture(scope="module")
def preview(workspace: Workspace) -> Principal:
    """The principal for `pulumi preview`."""
    return Principal(workspace, "preview")


@pytest.fixture
def stack_file(workspace: Workspace) -> Iterator[None]:
    """Restores staging's stack file."""
    path = workspace.root / "Pulumi.staging.yaml"
    held = path.read_text("utf-8")
    yield
    path.write_text(held, "utf-8")


def test_the_committed_stacks_come_up_are_previewed_and_destroyed(
    workspace: Workspace, up: Principal, preview: Principal
) -> None:
    """Staging, and production with its pipeline, whose connection is completed in between."""
    preview.pulumi("preview", "-s", "staging")
    up.up("staging")
    assert workspace.delivery("acceptance", "--stack", "staging").returncode == 0
    Releases(workspace).begin()
    off = {"deletion_protection": False, "final_snapshot": False}
    workspace.edit("prod", lambda config: config[ENVIRONMENT]["database"].update(off))
    up.up("prod")
    assert workspace.cloud("connect", "slipway-prod").returncode == 0
    up.up("prod")
    for stack in ("prod", "staging"):
        preview.pulumi("preview", "-s", stack, "--expect-no-changes")
        up.pulumi("refresh", "-s", stack, "--yes", "--skip-preview", "--expect-no-changes")
    up.destroy("prod")
    up.destroy("staging")
    assert up.refused() == []
    assert preview.refused() == []


def everything(config: dict[str, Any]) -> None:
    """Switch on what the local cloud serves and the committed files leave off."""
    environment = config[ENVIRONMENT]
    environment["network"] |= {"private_subnets": True, "flow_log_days": 7}
    environment["load_balancer"] = {"access_log_days": 7}
    environment["container_insights"] = True
    environment["database"] |= {"password_rotation_days": 30, "final_snapshot": True}
    environment["services"]["web"] |= {
        "spot": True,
        "autoscaling": {"minimum": 1, "maximum": 2, "cpu_percent": 60},
    }
    config["slipway:previews"] = {"repository": REPOSITORY, "state_bucket": "slipway-state"}
    config["slipway:pipeline"] = {"repository": REPOSITORY, "trigger": "webhook", "notify": ["ops@example.test"]}
    config["slipway:pipeline"]["topic_key_arn"] = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1"
    config["github:owner"] = REPOSITORY.split("/")[0]


def changed(config: dict[str, Any]) -> None:
    """Change what is changed in place, and every resource's tags."""
    environment = config[ENVIRONMENT]
    environment["log_retention_days"] = 14
    environment["network"]["flow_log_days"] = 14
    environment["load_balancer"] |= {"idle_timeout": 90, "allowed_cidrs": ["172.16.0.0/12"], "access_log_days": 14}
    environment["database"] |= {"password_rotation_days": 60, "backup_days": 3}
    environment["services"]["web"] |= {
        "cpu": 512,
        "memory": 1024,
        "autoscaling": {"minimum": 1, "maximum": 3, "cpu_percent": 70},
        "health_check": {"interval": 12},
    }
    config["slipway:registry"]["keep_built"] = 30
    config["slipway:previews"] = {"repository": "slipway-example/other", "state_bucket": "slipway-other"}
    config["slipway:pipeline"] |= {"log_retention_days": 14, "artifact_days": 9, "notify": ["dev@example.test"]}
    config["slipway:pipeline"] |= {"compute_type": "BUILD_GENERAL1_MEDIUM", "branch": "trunk"}
    config["aws:defaultTags"]["tags"]["team"] = "one"


def removed(config: dict[str, Any]) -> None:
    """Switch off what can be, and take the tag away."""
    config[ENVIRONMENT]["container_insights"] = False
    config[ENVIRONMENT]["network"].pop("flow_log_days")
    config[ENVIRONMENT]["load_balancer"].pop("access_log_days")
    config["slipway:pipeline"].pop("topic_key_arn")
    for key in ("spot", "autoscaling"):
        config[ENVIRONMENT]["services"]["web"].pop(key)
    config.pop("slipway:previews")
    config["aws:defaultTags"]["tags"].pop("team")


@pytest.mark.usefixtures("stack_file")
def test_whatever_the_stack_files_switch_on_comes_up_changes_and_goes(
    workspace: Workspace, up: Principal, preview: Principal
) -> None:
    """A stack with every section, in one account with the prerequisites that docs/aws.md names."""
    url = "https://token.actions.githubusercontent.com"
    workspace.client("iam").create_open_id_connect_provider(Url=url, ClientIDList=["sts.amazonaws.com"])
    kind = {"serverType": "GITHUB", "authType": "PERSONAL_ACCESS_TOKEN"}
    workspace.client("codebuild").import_source_credentials(token="any", **kind)
    changes: list[Callable[[dict[str, Any]], None]] = [everything, changed, removed]
    for change in changes:
        workspace.edit("staging", change)
        preview.pulumi("preview", "-s", "staging")
        up.up("staging")
    up.destroy("staging")
    assert up.refused() == []
    assert preview.refused() == []


def test_what_was_asked_for_is_what_is_recorded(up: Principal, preview: Principal, pytestconfig: pytest.Config) -> None:
    """By the record tests/unit/test_iam_files.py tells what is needed; --record-requests writes it anew."""
    found = {"up": up.requests(), "preview": preview.requests()}
    made = {file: {line for line, allowed in lines.items() if allowed} for file, lines in found.items()}
    if pytestconfig.getoption("record_requests"):
        iam_files.write(dict(made))
    for file, lines in made.items():
        assert {line.split(" ")[0] for line in lines} == {line.split(" ")[0] for line in iam_files.recorded(file)}
