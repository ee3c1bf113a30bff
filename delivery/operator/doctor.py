"""Doctor: what would make a first run fail, checked one by one; what cannot be asked is said to be not checked."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from contract.service_linked import ROLES, remedy
from delivery import environment as environments
from delivery.aws.clients import sentence
from delivery.console import as_text, paint, table, typed
from delivery.deploying import ecs_service, proof, revisions
from delivery.errors import DeliveryError
from delivery.operator import leftovers, pipeline_checks
from delivery.operator.findings import COLOURS, FAIL, OK, UNKNOWN, WARN
from delivery.operator.twice import Twice
from delivery.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from delivery.aws.clients import Clients
    from delivery.environment import Environment
    from delivery.operator.findings import Findings

FARGATE_VCPUS = ("fargate", "L-3032A538")  # Service Quotas: Fargate On-Demand vCPU resource count
UNITS = 1024  # ECS counts CPU in 1/1024 vCPU
RIGHTS = (
    "ssm:GetParametersByPath", "ecs:RegisterTaskDefinition", "ecs:TagResource", "ecs:UpdateService",
    "ecs:ListServiceDeployments", "ecs:DescribeServiceDeployments", "ecs:StopServiceDeployment", "iam:PassRole",
    "elasticloadbalancing:DescribeTargetHealth", "ecr:DescribeImages", "ecr:PutImage",
    "codepipeline:GetPipelineState", "codepipeline:PutApprovalResult",
)  # fmt: skip
"""What deploying and approving by hand takes."""
COSTLY = (leftovers.LOAD_BALANCER, leftovers.DATABASE, leftovers.NAT, leftovers.VPC)
"""What is looked for of a stack that is not up."""
Line: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Doctor:
    """The checks of a stack."""

    clients: Clients
    stack: str

    def run(self, *, as_json: bool = False) -> int:
        """Print a line per check, or all as one JSON document; returns 1 when one of them failed, else 0."""
        rows: list[Line] = [*self._checked("account", self._account), *self._checked("docker", self._docker)]
        found: list[Environment] = []
        rows += self._checked("stack", lambda: self._read(found))
        for environment in found:
            rows += self._checked("services", partial(self._services, environment))
            rows += self._checked("url", partial(self._url, environment))
            rows += self._checked("capacity", partial(self._capacity, environment))
            rows += self._checked("leftovers", Twice(clients=self.clients, environment=environment).findings)
            rows += self._checked("pipeline", partial(pipeline_checks.way, self.clients, environment))
            rows += self._checked("builds", partial(pipeline_checks.builds, self.clients, environment))
        if not found:
            rows += self._checked("roles", self._roles)
            rows += self._checked("leftovers", self._leftovers)
        rows += self._checked("rights", self._rights)
        if as_json:
            print(as_text([{"level": level, "what": what, "found": typed(text)} for level, what, text in rows]))
        else:
            print("\n".join(_table(rows)))
        return int(any(level == FAIL for level, _, _ in rows))

    def _checked(self, what: str, check: Callable[[], Findings]) -> list[Line]:
        rows: list[Line] = []
        try:
            rows.extend((level, what, text) for level, text in check())
        except DeliveryError as wrong:
            rows.append((FAIL, what, str(wrong)))
        except (ClientError, BotoCoreError) as error:
            rows.append((UNKNOWN, what, sentence(error)))
        return rows

    def _account(self) -> Findings:
        sts = self.clients("sts")
        try:
            who = sts.get_caller_identity()
        except (ClientError, BotoCoreError) as error:
            yield FAIL, f"AWS does not know you ({sentence(error)}); log in, for example: aws sso login"
            return
        yield OK, f"{who['Account']} as {who['Arn']}, region {sts.meta.region_name}"

    def _docker(self) -> Findings:
        wanted = "build, test and acceptance by hand need it (deploy, approve and rollback do not)"
        if not shutil.which("docker"):
            yield WARN, f"docker is not on PATH; {wanted}"
            return
        asked = ["docker", "version", "--format", "{{.Server.Version}}"]
        told = subprocess.run(asked, capture_output=True, text=True, check=False)
        if told.returncode:
            yield WARN, f"the Docker Engine does not answer: {told.stderr.strip()}; {wanted}"
        else:
            yield OK, f"Docker Engine {told.stdout.strip()}"

    def _read(self, found: list[Environment]) -> Findings:
        environment = environments.read(self.clients("ssm"), self.stack)
        found.append(environment)
        yield OK, f"cluster {environment.cluster}, services {', '.join(one.name for one in environment.services)}"

    def _roles(self) -> Findings:
        """Yield the service-linked roles that the first `up` needs and the account lacks."""
        iam, missing = self.clients("iam"), 0
        for service, role in ROLES.items():
            try:
                iam.get_role(RoleName=role)
            except iam.exceptions.NoSuchEntityException:
                missing += 1
                yield FAIL, f"the account has no service-linked role {role}; run: {remedy(service)}"
        if not missing:
            yield OK, "the service-linked roles that a first `up` needs are there"

    def _leftovers(self) -> Findings:
        """Yield what carries the tags of a stack that recorded nothing."""
        counts = Counter(kind.title for kind in COSTLY for _ in kind.find(self.clients, self.stack))
        if counts:
            told = ", ".join(f"{count} {title}{'s' if count > 1 else ''}" for title, count in counts.items())
            yield (
                WARN,
                f"{told} carry the tags of {self.stack}, which has never been up or is destroyed; an `up` that was "
                f"interrupted: pulumi up -s {self.stack} finishes it; otherwise: delivery clean --stack {self.stack}",
            )

    def _services(self, environment: Environment) -> Findings:
        session, ecs = self._session(environment), self.clients("ecs")
        for service in environment.services:
            held = ecs_service.describe(session, service)
            told = f"{service.ecs_service}: {held['runningCount']} of {held['desiredCount']} tasks run"
            breaker = held.get("deploymentConfiguration", {}).get("deploymentCircuitBreaker", {})
            if row := ecs_service.under_way(session, service):
                yield WARN, f"{told}; a deployment of {row['createdAt']:%H:%M:%S} is {row['status']}"
            elif held["desiredCount"] < 1:
                yield FAIL, f"{told}; set desired_count to 1 or more and run: pulumi up -s {self.stack}"
            elif not ecs_service.steady(held):
                yield FAIL, f"{told}; see: delivery logs --stack {self.stack}, repair: delivery rollback"
            elif not (breaker.get("enable") and breaker.get("rollback")):
                yield WARN, f"{told}; its circuit breaker is off, so a failing release ends only after its time-out"
            else:
                yield OK, told
            revisions.read(ecs, service.template_family, service.container or service.name)

    def _session(self, environment: Environment) -> Session:
        return Session(clients=self.clients, environment=environment, say=print)

    def _url(self, environment: Environment) -> Findings:
        yield OK, f"{environment.url} serves {proof.served(self.clients, environment)}"

    def _capacity(self, environment: Environment) -> Findings:
        need = 0.0
        for service in environment.services:
            held = ecs_service.describe(self._session(environment), service)
            template = revisions.read(
                self.clients("ecs"), service.template_family, service.container or service.name
            ).definition
            need += 2 * held["desiredCount"] * int(template.get("cpu") or 0) / UNITS
        service_code, quota = FARGATE_VCPUS
        found = self.clients("service-quotas").get_service_quota(ServiceCode=service_code, QuotaCode=quota)
        limit = found["Quota"]["Value"]
        told = f"a release needs {need:g} vCPU (old and new tasks side by side), the account may use {limit:g}"
        yield (OK if need <= limit else FAIL), told

    def _rights(self) -> Findings:
        arn = self.clients("sts").get_caller_identity()["Arn"]
        if ":assumed-role/" in arn or arn.endswith(":root"):
            # A role's own ARN holds a path that the session's does not show; the root user may do everything.
            yield UNKNOWN, f"{arn} cannot be simulated by IAM; what is missing will be named when it is used"
            return
        told = self.clients("iam").simulate_principal_policy(PolicySourceArn=arn, ActionNames=list(RIGHTS))
        missing = [one["EvalActionName"] for one in told["EvaluationResults"] if one["EvalDecision"] != "allowed"]
        if missing:
            yield WARN, f"not allowed for every resource: {', '.join(missing)}; for deploying and approving by hand"
        else:
            yield OK, "deploying and approving by hand is allowed"


def _table(rows: Sequence[Line]) -> list[str]:
    shown = [(paint(level, COLOURS[level]), what, typed(text)) for level, what, text in rows]
    return table(("", "what", "found"), shown)
