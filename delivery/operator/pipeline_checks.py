"""The pipeline checks of `delivery doctor`: triggers, holds, approvals and build quotas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from contract.pipeline import Project
from delivery.aws import pipeline, pipeline_state
from delivery.aws.clients import code
from delivery.operator import branch_protection
from delivery.operator.findings import FAIL, OK, UNKNOWN, WARN

if TYPE_CHECKING:
    from types_boto3_service_quotas import ServiceQuotasClient

    from delivery.aws.clients import Clients
    from delivery.environment import Environment, Pipeline
    from delivery.operator.findings import Finding, Findings

MACHINES = {
    "LINUX_CONTAINER": "Linux",
    "ARM_CONTAINER": "ARM",
    "LINUX_LAMBDA_CONTAINER": "Linux Lambda",
    "ARM_LAMBDA_CONTAINER": "ARM Lambda",
}
"""How Service Quotas calls what CodeBuild calls a type of environment."""
SIDE_BY_SIDE = 2  # builds: `checks` tests one commit while the pipeline releases another


def way(clients: Clients, environment: Environment) -> Findings:
    """Check the pipeline that deploys to an environment: what is closed or waits, and what starts it."""
    if environment.pipeline is None:
        yield WARN, "no pipeline deploys to this stack; releases are made by hand: delivery deploy"
        return
    of = environment.pipeline
    held = pipeline.state(clients("codepipeline"), of.name)
    yield OK, f"{of.name}, stage {of.stage}"
    for stage, reason, _ in pipeline_state.held_back(held):
        yield WARN, f"the way into stage {stage} is closed ({reason}); open it: delivery resume"
    for one in pipeline_state.waiting(held):
        yield WARN, f"execution {one.execution} waits for approval; delivery approve (or reject)"
    yield from _source(clients, of)


def _source(clients: Clients, of: Pipeline) -> Findings:
    """Check what starts the pipeline: the connection, or the webhook."""
    declared = clients("codepipeline").get_pipeline(name=of.name)["pipeline"]
    for action in declared["stages"][0]["actions"]:
        configuration = action.get("configuration", {})
        if "ConnectionArn" in configuration:
            yield _connection(clients, configuration["ConnectionArn"])
        else:
            yield from _webhook(clients, of)
        yield branch_protection.check(configuration)
    yield from _checks(clients, of)


def _connection(clients: Clients, arn: str) -> Finding:
    try:
        found = clients("codeconnections").get_connection(ConnectionArn=arn)["Connection"]
    except ClientError as error:
        if code(error) != "ResourceNotFoundException":
            raise
        return FAIL, f"connection {arn} is gone; name another: slipway:pipeline.connection_arn"
    told = f"connection {found.get('ConnectionName', arn)} is {found['ConnectionStatus']}"
    if found["ConnectionStatus"] == "AVAILABLE":
        return OK, told
    return FAIL, f"{told}; complete it in the console: Developer Tools, Settings, Connections, Update pending"


def _webhook(clients: Clients, of: Pipeline) -> Findings:
    hooks = [
        hook
        for page in clients("codepipeline").get_paginator("list_webhooks").paginate()
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


def _checks(clients: Clients, of: Pipeline) -> Findings:
    """Check the project that tests pushes and pull requests."""
    name = of.projects.get(Project.CHECKS, "")
    projects = clients("codebuild").batch_get_projects(names=[name])["projects"] if name else []
    if not projects:
        yield (
            WARN,
            "no project tests pushes to other branches and pull requests",
        )
    elif not projects[0].get("webhook"):
        yield FAIL, f"project {name} has no webhook; run: pulumi up of the pipeline's stack"
    else:
        yield OK, f"project {name} is called by a webhook; whether GitHub still has it: see its settings"


def builds(clients: Clients, environment: Environment) -> Findings:
    """Check, for each kind of machine that the pipeline and `checks` build on, how many may be in use at once."""
    if environment.pipeline is None:
        return
    names = environment.pipeline.projects.values()
    projects = clients("codebuild").batch_get_projects(names=sorted(names))["projects"]
    machines = {(one["environment"]["type"], one["environment"]["computeType"]) for one in projects}
    for machine, size in sorted(machines):
        yield builds_at_once(clients("service-quotas"), machine, size)


def builds_at_once(quotas: ServiceQuotasClient, machine: str, size: str) -> Finding:
    """Check how many builds on a kind of machine the account may run at the same time.

    Args:
        quotas: the client of Service Quotas.
        machine: CodeBuild's type of environment, such as LINUX_CONTAINER.
        size: its compute type, such as BUILD_GENERAL1_SMALL.

    Raises:
        ClientError, BotoCoreError: Service Quotas does not answer.
    """
    named = size.removeprefix("BUILD_LAMBDA_")  # 1GB
    named = named if named != size else size.removeprefix("BUILD_GENERAL1_").capitalize()
    kind = f"{MACHINES.get(machine, machine)}/{named}"
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
