"""Doctor: what would make a first run fail, checked one by one; what cannot be asked is said to be not checked."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from contract.pipeline import Project
from delivery import environment as environments
from delivery.aws import pipeline
from delivery.aws.clients import code
from delivery.console import paint, table, typed
from delivery.deploying import proof, revisions, rollout
from delivery.errors import DeliveryError
from delivery.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from delivery.aws.clients import Clients
    from delivery.environment import Environment, Pipeline

OK, WARN, FAIL, UNKNOWN = "ok", "warn", "fail", "not checked"
COLOURS = {OK: "green", WARN: "yellow", FAIL: "red", UNKNOWN: "grey"}
FARGATE_VCPUS = ("fargate", "L-3032A538")  # Service Quotas: Fargate On-Demand vCPU resource count
UNITS = 1024  # ECS counts CPU in 1/1024 vCPU
MACHINES = {"LINUX_CONTAINER": "Linux", "ARM_CONTAINER": "ARM"}
"""How Service Quotas calls what CodeBuild calls a type of environment."""
SIDE_BY_SIDE = 2  # builds: `checks` tests one commit while the pipeline releases another
RIGHTS = (
    "ssm:GetParametersByPath", "ecs:RegisterTaskDefinition", "ecs:TagResource", "ecs:UpdateService",
    "ecs:ListServiceDeployments", "ecs:DescribeServiceDeployments", "ecs:StopServiceDeployment", "iam:PassRole",
    "elasticloadbalancing:DescribeTargetHealth", "ecr:DescribeImages", "ecr:PutImage",
    "codepipeline:GetPipelineState", "codepipeline:PutApprovalResult",
)  # fmt: skip
"""What deploying and approving by hand takes."""
Line: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Doctor:
    """The checks of a stack."""

    clients: Clients
    stack: str

    def run(self) -> int:
        """Print a line per check; returns 1 when one of them failed, else 0."""
        rows: list[Line] = [*self._checked("account", self._account), *self._checked("docker", self._docker)]
        found: list[Environment] = []
        rows += self._checked("stack", lambda: self._read(found))
        for environment in found:
            rows += self._checked("services", lambda held=environment: self._services(held))  # type: ignore[misc]
            rows += self._checked("url", lambda held=environment: self._url(held))  # type: ignore[misc]
            rows += self._checked("capacity", lambda held=environment: self._capacity(held))  # type: ignore[misc]
            rows += self._checked("pipeline", lambda held=environment: self._pipeline(held))  # type: ignore[misc]
            rows += self._checked("builds", lambda held=environment: self._builds(held))  # type: ignore[misc]
        rows += self._checked("rights", self._rights)
        print("\n".join(table(("", "what", "found"), [(paint(a, COLOURS[a]), b, typed(c)) for a, b, c in rows])))
        return int(any(level == FAIL for level, _, _ in rows))

    def _checked(self, what: str, check: Callable[[], Iterator[tuple[str, str]]]) -> list[Line]:
        rows: list[Line] = []
        try:
            rows.extend((level, what, text) for level, text in check())
        except DeliveryError as wrong:
            rows.append((FAIL, what, str(wrong)))
        except (ClientError, BotoCoreError) as error:
            rows.append((UNKNOWN, what, f"{error}"))
        return rows

    def _account(self) -> Iterator[tuple[str, str]]:
        sts = self.clients("sts")
        try:
            who = sts.get_caller_identity()
        except (ClientError, BotoCoreError) as error:
            yield FAIL, f"AWS does not know you ({error}); log in, for example: aws sso login"
            return
        yield OK, f"{who['Account']} as {who['Arn']}, region {sts.meta.region_name}"

    def _docker(self) -> Iterator[tuple[str, str]]:
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

    def _read(self, found: list[Environment]) -> Iterator[tuple[str, str]]:
        environment = environments.read(self.clients("ssm"), self.stack)
        found.append(environment)
        yield OK, f"cluster {environment.cluster}, services {', '.join(one.name for one in environment.services)}"

    def _services(self, environment: Environment) -> Iterator[tuple[str, str]]:
        session, ecs = self._session(environment), self.clients("ecs")
        for service in environment.services:
            held = rollout.held(session, service)
            told = f"{service.ecs_service}: {held['runningCount']} of {held['desiredCount']} tasks run"
            breaker = held.get("deploymentConfiguration", {}).get("deploymentCircuitBreaker", {})
            if row := rollout.under_way(session, service):
                yield WARN, f"{told}; a deployment of {row['createdAt']:%H:%M:%S} is {row['status']}"
            elif held["desiredCount"] < 1:
                yield FAIL, f"{told}; set desired_count to 1 or more and run: pulumi up -s {self.stack}"
            elif not rollout.steady(held):
                yield FAIL, f"{told}; see: delivery logs --stack {self.stack}, repair: delivery rollback"
            elif not (breaker.get("enable") and breaker.get("rollback")):
                yield WARN, f"{told}; its circuit breaker is off, so a failing release ends only after its time-out"
            else:
                yield OK, told
            revisions.read(ecs, service.template_family, service.container or service.name)

    def _session(self, environment: Environment) -> Session:
        return Session(clients=self.clients, environment=environment, say=print)

    def _url(self, environment: Environment) -> Iterator[tuple[str, str]]:
        yield OK, f"{environment.url} serves {proof.told(proof.served(environment))}"

    def _capacity(self, environment: Environment) -> Iterator[tuple[str, str]]:
        need = 0.0
        for service in environment.services:
            held = rollout.held(self._session(environment), service)
            template = revisions.read(
                self.clients("ecs"), service.template_family, service.container or service.name
            ).definition
            need += 2 * held["desiredCount"] * int(template.get("cpu") or 0) / UNITS
        service_code, quota = FARGATE_VCPUS
        found = self.clients("service-quotas").get_service_quota(ServiceCode=service_code, QuotaCode=quota)
        limit = found["Quota"]["Value"]
        told = f"a release needs {need:g} vCPU (old and new tasks side by side), the account may use {limit:g}"
        yield (OK if need <= limit else FAIL), told

    def _pipeline(self, environment: Environment) -> Iterator[tuple[str, str]]:
        if environment.pipeline is None:
            yield WARN, "no pipeline deploys to this stack; releases are made by hand: delivery deploy"
            return
        of = environment.pipeline
        held = pipeline.state(self.clients("codepipeline"), of.name)
        yield OK, f"{of.name}, stage {of.stage}"
        for stage, reason, _ in pipeline.held_back(held):
            yield WARN, f"the way into stage {stage} is closed ({reason}); open it: delivery resume"
        for one in pipeline.waiting(held):
            yield WARN, f"execution {one.execution} waits for approval; delivery approve (or reject)"
        yield from self._source(of)

    def _source(self, of: Pipeline) -> Iterator[tuple[str, str]]:
        """Check what starts the pipeline: the connection, or the webhook."""
        declared = self.clients("codepipeline").get_pipeline(name=of.name)["pipeline"]
        for action in declared["stages"][0]["actions"]:
            configuration = action.get("configuration", {})
            if "ConnectionArn" in configuration:
                yield self._connection(configuration["ConnectionArn"])
            else:
                yield from self._webhook(of)
        yield from self._checks(of)

    def _connection(self, arn: str) -> tuple[str, str]:
        try:
            found = self.clients("codeconnections").get_connection(ConnectionArn=arn)["Connection"]
        except ClientError as error:
            if code(error) != "ResourceNotFoundException":
                raise
            return FAIL, f"connection {arn} is gone; name another: slipway:pipeline.connection_arn"
        told = f"connection {found.get('ConnectionName', arn)} is {found['ConnectionStatus']}"
        if found["ConnectionStatus"] == "AVAILABLE":
            return OK, told
        return FAIL, f"{told}; complete it in the console: Developer Tools, Settings, Connections, Update pending"

    def _webhook(self, of: Pipeline) -> Iterator[tuple[str, str]]:
        hooks = [
            hook
            for page in self.clients("codepipeline").get_paginator("list_webhooks").paginate()
            for hook in page["webhooks"]
            if hook["definition"]["targetPipeline"] == of.name
        ]
        if not hooks:
            yield FAIL, "no webhook starts the pipeline; run: pulumi up of its stack"
        for hook in hooks:
            if hook.get("errorMessage"):
                yield FAIL, f"webhook {hook['definition']['name']}: {hook['errorMessage']}"
            else:
                when = hook.get("lastTriggered")
                yield OK, f"webhook {hook['definition']['name']}, last called {when or 'never'}"
        yield UNKNOWN, "GitHub's token: AWS does not show it; a push that starts the pipeline proves it"

    def _checks(self, of: Pipeline) -> Iterator[tuple[str, str]]:
        """Check the project that tests every push and pull request."""
        name = of.projects.get(Project.CHECKS, "")
        projects = self.clients("codebuild").batch_get_projects(names=[name])["projects"] if name else []
        if not projects:
            yield (
                WARN,
                "no project tests pushes to other branches and pull requests",
            )
        elif not projects[0].get("webhook"):
            yield FAIL, f"project {name} has no webhook; run: pulumi up of the pipeline's stack"
        else:
            yield OK, f"project {name} is called by a webhook; whether GitHub still has it: see its settings"

    def _builds(self, environment: Environment) -> Iterator[tuple[str, str]]:
        """Check, for each kind of machine that the pipeline and `checks` build on, how many may be in use at once."""
        if environment.pipeline is None:
            return
        names = environment.pipeline.projects.values()
        projects = self.clients("codebuild").batch_get_projects(names=sorted(names))["projects"]
        machines = {(one["environment"]["type"], one["environment"]["computeType"]) for one in projects}
        for machine, size in sorted(machines):
            yield builds_at_once(self.clients("service-quotas"), machine, size)

    def _rights(self) -> Iterator[tuple[str, str]]:
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


def builds_at_once(quotas: Any, machine: str, size: str) -> tuple[str, str]:  # noqa: ANN401 - a boto3 client
    """Check how many builds on a kind of machine the account may run at the same time.

    Args:
        quotas: the client of Service Quotas.
        machine: CodeBuild's type of environment, such as LINUX_CONTAINER.
        size: its compute type, such as BUILD_GENERAL1_SMALL.

    Raises:
        ClientError, BotoCoreError: Service Quotas does not answer.
    """
    kind = f"{MACHINES.get(machine, machine)}/{size.removeprefix('BUILD_GENERAL1_').capitalize()}"
    wanted = f"Concurrently running builds for {kind} environment"
    pages = quotas.get_paginator("list_service_quotas").paginate(ServiceCode="codebuild")
    quota = {row["QuotaName"].lower(): row["Value"] for page in pages for row in page["Quotas"]}
    limit = quota.get(wanted.lower())
    if limit is None:
        return UNKNOWN, f"Service Quotas has no {wanted!r}"
    remedy = f"ask for more: Service Quotas, AWS CodeBuild, {wanted!r}"
    if limit < 1:
        return FAIL, f"the account may run no build on {kind}; {remedy}"
    if limit < SIDE_BY_SIDE:
        return WARN, f"the account may run one build on {kind}: a second one waits, or is refused; {remedy}"
    return OK, f"{limit:g} builds on {kind} may run at the same time"
