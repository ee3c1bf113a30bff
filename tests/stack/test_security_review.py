"""A security review of the declared resources, by checkov: what it finds has a reason in docs/security-review.md."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fake_engine import FakeEngine
from tests.stack import terraform_plan
from tests.stack.variants import BASES, VARIANTS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "security-review.md"
PYTHON = ROOT / ".checkov" / "venv" / "bin" / "python"
JUDGE = ROOT / "tests" / "checkov" / "judge.py"
SECONDS = 120
FAULTS = "faults"
"""The plan with the faults below."""
TRUST_OF_ALL = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
ALL_RIGHTS = {"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}
PLANTED = (
    ("vpc/securityGroupIngressRule:SecurityGroupIngressRule", {"cidrIpv4": "0.0.0.0/0", "fromPort": 22}, "CKV_AWS_24"),
    ("ec2/subnet:Subnet", {"mapPublicIpOnLaunch": True}, "CKV_AWS_130"),
    ("rds/instance:Instance", {"publiclyAccessible": True}, "CKV_AWS_17"),
    ("rds/instance:Instance", {"storageEncrypted": False}, "CKV_AWS_16"),
    ("lb/loadBalancer:LoadBalancer", {"dropInvalidHeaderFields": False}, "CKV_AWS_131"),
    ("ecs/taskDefinition:TaskDefinition", {"containerDefinitions": '[{"name": "a"}]'}, "CKV_AWS_336"),
    ("ecr/repository:Repository", {"imageTagMutability": "MUTABLE"}, "CKV_AWS_51"),
    ("ecr/repository:Repository", {"imageScanningConfiguration": {"scanOnPush": False}}, "CKV_AWS_163"),
    ("iam/role:Role", {"assumeRolePolicy": json.dumps({"Statement": [TRUST_OF_ALL]})}, "CKV_AWS_60"),
    ("iam/rolePolicy:RolePolicy", {"policy": json.dumps({"Statement": [ALL_RIGHTS]})}, "CKV_AWS_62"),
)
"""Properties of resources of staging that checkov has to find, else the plan does not show it what it looks at."""


class Finding(NamedTuple):
    """The result of one check on one resource."""

    check: str
    name: str
    plan: str
    address: str
    passed: bool


@dataclass(frozen=True)
class Reason:
    """A row of docs/security-review.md."""

    check: str
    name: str
    addresses: str
    """Of the resources, as a pattern."""
    key: str
    """The configuration key that makes the check pass; empty if none does."""

    def covers(self, found: Finding) -> bool:
        """Tell whether this is the reason of a failed check."""
        return self.check == found.check and fnmatchcase(found.address, self.addresses)


def reasons() -> list[Reason]:
    """Return the rows of the document."""
    rows = re.findall(r"(?m)^\| (CKV\S+) \| (.+?) \| `(.+?)` \| `?(.*?)`? \| (.+) \|$", DOCUMENT.read_text("utf-8"))
    assert all(why for *_, why in rows)
    return [Reason(*row[:4]) for row in rows]


def with_faults(engine: FakeEngine) -> FakeEngine:
    """Return a run with the planted faults."""
    faulty = FakeEngine(options=engine.options)
    for one in engine.resources:
        planted = [inputs for kind, inputs, _ in PLANTED if one.type.endswith(kind)]
        faulty.resources.append(
            replace(one, inputs={key: part for each in (one.inputs, *planted) for key, part in each.items()})
        )
    return faulty


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every stack file and variant as a plan, and one with faults."""
    folder = tmp_path_factory.mktemp("plans")
    with pytest.MonkeyPatch.context() as patch:
        runs = {name: variant.run(patch)[0] for name, variant in {**BASES, **VARIANTS}.items()}
    runs[FAULTS] = with_faults(runs["staging"])
    for name, engine in runs.items():
        (folder / f"{name}.json").write_text(json.dumps(terraform_plan.render(engine), indent=1), "utf-8")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def findings(plans: list[Path]) -> list[Finding]:
    """What checkov finds in all plans, in one run of it."""
    assert PYTHON.exists(), f"{PYTHON} is missing; run: make check"
    done = subprocess.run(
        [PYTHON, "-I", JUDGE, *plans], capture_output=True, text=True, check=False, timeout=SECONDS, env={}
    )
    assert done.returncode == 0, done.stderr
    return [Finding(check, name, Path(plan).stem, *rest) for check, name, plan, *rest in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def failed(findings: list[Finding]) -> list[Finding]:
    """The failed checks of what the program declares."""
    return [found for found in findings if not found.passed and found.plan != FAULTS]


def test_every_failed_check_has_a_reason(failed: list[Finding]) -> None:
    """For this resource, in docs/security-review.md: mend what is found, or say why it stays."""
    known = reasons()
    unknown = {found[:2] + found[3:4] for found in failed if not any(reason.covers(found) for reason in known)}
    assert not unknown, "\n".join(f"| {check} | {name} | `{address}` | | |" for check, name, address in sorted(unknown))


def test_every_reason_is_still_needed(failed: list[Finding]) -> None:
    """Once a check passes for all of a row's resources, the row goes; its name is checkov's."""
    assert not [reason for reason in reasons() if not any(reason.covers(found) for found in failed)]
    names = {found.check: found.name for found in failed}
    assert {reason.check: reason.name for reason in reasons()} == names


def test_a_key_that_a_reason_names_makes_the_check_pass(findings: list[Finding]) -> None:
    """In a stack file or variant that sets it."""
    passed = [found for found in findings if found.passed and found.plan != FAULTS]
    for reason in reasons():
        shown = {found.plan for found in passed if reason.covers(found)}
        assert not reason.key or any(sets(plan, reason.key) for plan in shown), reason


def sets(plan: str, key: str) -> bool:
    """Tell whether a stack file or variant sets a key; a star stands for any name."""
    at = [{**BASES, **VARIANTS}[plan].config()]
    for part in key.split("."):
        at = [value for each in at for name, value in each.items() if fnmatchcase(name, part)]
    return bool(at)


def test_every_stack_is_looked_at(findings: list[Finding]) -> None:
    """Checkov knows the kinds, by their names in Terraform, and each plan is read."""
    for plan in (*BASES, *VARIANTS):
        assert len([found for found in findings if found.plan == plan]) > 90, plan


@pytest.mark.parametrize(("kind", "inputs", "check"), PLANTED)
def test_a_planted_fault_is_found(findings: list[Finding], kind: str, inputs: dict[str, object], check: str) -> None:
    """So a check that passes has seen the property that it asks for; without the fault it passes."""
    address = terraform_plan.kind(f"aws:{kind}")
    results = {
        plan: [
            found.passed
            for found in findings
            if (found.plan, found.check) == (plan, check) and found.address.startswith(f"{address}.")
        ]
        for plan in ("staging", FAULTS)
    }
    assert results["staging"]
    assert all(results["staging"]), inputs
    assert not all(results[FAULTS]), inputs
