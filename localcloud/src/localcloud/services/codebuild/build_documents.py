"""The document of a new build: the project's settings with StartBuild's overrides."""

from __future__ import annotations

import copy
import uuid
from typing import TYPE_CHECKING
from urllib.parse import quote

from localcloud.services.codebuild import validation
from localcloud.services.codebuild.projects import artifacts, environment

if TYPE_CHECKING:
    from localcloud.gateway.protocol import Params
    from localcloud.services.codebuild.state import State
    from localcloud.state.table import Doc

TAKEN = (
    "source", "secondarySources", "sourceVersion", "secondarySourceVersions", "artifacts", "secondaryArtifacts",
    "cache", "environment", "serviceRole", "timeoutInMinutes", "queuedTimeoutInMinutes", "encryptionKey", "vpcConfig",
    "logsConfig",
)  # fmt: skip
TOP = {
    "secondarySourcesOverride": "secondarySources", "secondarySourcesVersionOverride": "secondarySourceVersions",
    "sourceVersion": "sourceVersion", "artifactsOverride": "artifacts",
    "secondaryArtifactsOverride": "secondaryArtifacts", "cacheOverride": "cache", "serviceRoleOverride": "serviceRole",
    "timeoutInMinutesOverride": "timeoutInMinutes", "queuedTimeoutInMinutesOverride": "queuedTimeoutInMinutes",
    "encryptionKeyOverride": "encryptionKey", "logsConfigOverride": "logsConfig",
}  # fmt: skip
OF_SOURCE = {
    "sourceTypeOverride": "type", "sourceLocationOverride": "location", "sourceAuthOverride": "auth",
    "gitCloneDepthOverride": "gitCloneDepth", "gitSubmodulesConfigOverride": "gitSubmodulesConfig",
    "buildspecOverride": "buildspec", "insecureSslOverride": "insecureSsl",
    "reportBuildStatusOverride": "reportBuildStatus", "buildStatusConfigOverride": "buildStatusConfig",
}  # fmt: skip
OF_ENVIRONMENT = {
    "environmentTypeOverride": "type", "imageOverride": "image", "computeTypeOverride": "computeType",
    "certificateOverride": "certificate", "privilegedModeOverride": "privilegedMode",
    "registryCredentialOverride": "registryCredential", "imagePullCredentialsTypeOverride": "imagePullCredentialsType",
    "fleetOverride": "fleet", "hostKernelOverride": "hostKernel",
}  # fmt: skip
UNSUPPORTED = ("debugSessionEnabled", "autoRetryLimitOverride")
PLAIN = "PLAINTEXT"
NOT_SHOWN = ("artifacts", "secondaryArtifacts", "logsConfig")


def settings_of(project: Doc) -> Doc:
    """Return a copy of the settings that a build inherits from its project."""
    return copy.deepcopy({name: project[name] for name in TAKEN if name in project})


def overridden(project: Doc, params: Params) -> Doc:
    """Return a project's settings with StartBuild's overrides applied.

    Raises:
        ApiError: an override is not supported here, or the result is invalid.
    """
    for name in UNSUPPORTED:
        if params.get(name):
            raise validation.unsupported(name)
    settings = settings_of(project)
    settings |= {member: params[name] for name, member in TOP.items() if name in params}
    source = {member: params[name] for name, member in OF_SOURCE.items() if name in params}
    if source.get("type", settings["source"]["type"]) != settings["source"]["type"]:
        kept = {"buildspec"} & set(settings["source"])
        settings["source"] = {name: settings["source"][name] for name in kept} | {"insecureSsl": False}
    settings["source"] |= source
    env = settings["environment"]
    env |= {member: params[name] for name, member in OF_ENVIRONMENT.items() if name in params}
    with_variables(settings, params.get("environmentVariablesOverride", []))
    settings["artifacts"] = artifacts(settings["artifacts"], project["name"])
    validation.project(settings, given=[member for name, member in TOP.items() if name in params])
    return settings


def with_variables(settings: Doc, rows: list[Doc]) -> None:
    """Add environment variables, replacing those of the same name."""
    validation.variables(rows)
    env = settings["environment"]
    named = {row["name"]: row for row in [*env["environmentVariables"], *({"type": PLAIN} | row for row in rows)]}
    settings["environment"] = environment(env | {"environmentVariables": list(named.values())})


def document(state: State, project: Doc, settings: Doc, initiator: str) -> Doc:
    """Return the document of a new build, in the phase SUBMITTED."""
    settings = copy.deepcopy(settings)
    identifier = str(uuid.uuid4())
    name, now = project["name"], state.now()
    shown = {key: value for key, value in settings.items() if key not in NOT_SHOWN}
    build: Doc = {
        **shown,
        "id": f"{name}:{identifier}",
        "arn": state.arn(f"build/{name}:{identifier}"),
        "buildNumber": state.next_number(name),
        "startTime": now,
        "currentPhase": "SUBMITTED",
        "buildStatus": "IN_PROGRESS",
        "projectName": name,
        "phases": [{"phaseType": "SUBMITTED", "startTime": now}],
        "artifacts": {"location": ""},
        "buildComplete": False,
        "initiator": initiator,
        "logs": logs(state, settings.get("logsConfig") or {}, name, identifier),
        "exportedEnvironmentVariables": [],
        "reportArns": [],
        "_stage": "queued",
        "_settings": settings,
        "_artifacts": settings["artifacts"],
        "_secondary_artifacts": settings.get("secondaryArtifacts", []),
        "_project_arn": project["arn"],
    }
    return build


def logs(state: State, config: Doc, project: str, identifier: str) -> Doc:
    """Return the location of a build's log, with a deep link in the format of the AWS console."""
    watch = config.get("cloudWatchLogs") or {"status": "ENABLED"}
    if watch["status"] != "ENABLED":
        return {"cloudWatchLogs": watch}
    group = watch.get("groupName") or f"/aws/codebuild/{project}"
    stream = f"{watch['streamName']}/{identifier}" if watch.get("streamName") else identifier
    region, account = state.ctx.region, state.ctx.account
    encoded = [quote(part, safe="").replace("%", "$25") for part in (group, stream)]
    return {
        "groupName": group,
        "streamName": stream,
        "deepLink": f"https://console.aws.amazon.com/cloudwatch/home?region={region}"
        f"#logsV2:log-groups/log-group/{encoded[0]}/log-events/{encoded[1]}",
        "cloudWatchLogsArn": f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}",
        "cloudWatchLogs": watch,
    }


def console(region: str, build: Doc) -> str:
    """Return the URL of the build in the AWS console."""
    return f"https://{region}.console.aws.amazon.com/codesuite/codebuild/projects/{build['projectName']}/build/{build['id']}"
