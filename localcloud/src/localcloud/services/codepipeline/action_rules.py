"""Validation of a pipeline's actions by AWS's rules: types, configurations, artifacts, timeouts."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError
from localcloud.services.codepipeline.action_types import TYPES, ActionType, action_type

if TYPE_CHECKING:
    from localcloud.state.table import Doc

UNSUPPORTED = ("commands", "environmentVariables", "outputVariables")
BUILD_VARIABLE_TYPES = ("PLAINTEXT", "PARAMETER_STORE", "SECRETS_MANAGER")
BUILD_VARIABLE_KEYS = {"name", "value", "type"}
REPOSITORY = re.compile(r"^[^/\s]+/[^/\s]+$")
SWITCHES = ("DetectChanges", "PollForSourceChanges", "BatchEnabled", "CombineArtifacts")
FORMATS = ("CODE_ZIP", "CODEBUILD_CLONE_REF")


def error(message: str) -> ApiError:
    """Return the error for an invalid action."""
    return ApiError("InvalidActionDeclarationException", message)


def check(declaration: Doc, region: str) -> None:
    """Refuse the first action that breaks a rule."""
    made: set[str] = set()
    every: set[str] = set()
    for stage in declaration["stages"]:
        for order in sorted({action["runOrder"] for action in stage["actions"]}):
            actions = [action for action in stage["actions"] if action["runOrder"] == order]
            for action in actions:
                check_action(action, region)
                check_inputs(action, made)
            for action in actions:
                for output in action["outputArtifacts"]:
                    if output["name"] in every:
                        text = f"UniqueOutputArtifactName: the output artifact {output['name']} is declared twice"
                        raise ApiError("InvalidStructureException", text)
                    every.add(output["name"])
            made |= {output["name"] for action in actions for output in action["outputArtifacts"]}


def check_action(action: Doc, region: str) -> None:
    """Validate one action on its own."""
    name, identity = action["name"], action["actionTypeId"]
    kind = action_type(identity)
    if kind is None:
        served = ", ".join(f"{row.category}/{row.owner}/{row.provider}/1" for row in TYPES)
        wanted = "/".join(identity[part] for part in ("category", "owner", "provider", "version"))
        raise error(f"Action {name}: the local cloud does not run the action type {wanted}; it runs {served}")
    for member in UNSUPPORTED:
        if action.get(member):
            raise error(f"Action {name}: {member} is for the Compute category, which the local cloud does not run")
    if action.get("region", region) != region:
        raise error(f"Action {name}: the local cloud has one region, {region}; cross-region actions do not run")
    if "timeoutInMinutes" in action and kind.category != "Approval":
        raise error(f"Action {name}: timeoutInMinutes is available to manual approval actions only")
    check_configuration(action, kind)
    if kind.category == "Approval":
        check_topic(name, action["configuration"].get("NotificationArn"), region)
    for member, (least, most) in (("inputArtifacts", kind.inputs), ("outputArtifacts", kind.outputs)):
        count = len(action[member])
        if not least <= count <= most:
            raise error(f"Action {name} has {count} {member}; {kind.provider} takes {least} to {most}")
    if any("files" in output for output in action["outputArtifacts"]):
        raise error(f"Action {name}: files of an output artifact are for the Compute category")


def check_configuration(action: Doc, kind: ActionType) -> None:
    """Refuse missing, unknown and invalid configuration keys."""
    name, configuration = action["name"], action["configuration"]
    for key in kind.required:
        if key not in configuration:
            raise error(f"Action configuration for action '{name}' is missing required configuration '{key}'")
    for key in configuration:
        if key not in (*kind.required, *kind.optional):
            raise error(f"Action configuration for action '{name}' contains unknown configuration '{key}'")
    for key, value, what in kind.refused:
        if configuration.get(key, "").lower() == value:
            text = f"the local cloud does not support {what}: {key} {configuration[key]}"
            raise error(f"Action configuration for action '{name}': {text}")
    for key in SWITCHES:
        if configuration.get(key, "true").lower() not in ("true", "false"):
            raise error(f"Action configuration for action '{name}': {key} must be true or false")
    PROVIDERS.get(kind.provider, lambda _: None)(action)


def check_connection(action: Doc) -> None:
    """Refuse a connection source whose values are malformed."""
    name, configuration = action["name"], action["configuration"]
    if ":connection/" not in configuration["ConnectionArn"]:
        raise error(f"Action configuration for action '{name}': ConnectionArn is no connection's ARN")
    if not REPOSITORY.match(configuration["FullRepositoryId"]):
        raise error(f"Action configuration for action '{name}': FullRepositoryId must be owner/name")
    if configuration.get("OutputArtifactFormat", FORMATS[0]) not in FORMATS:
        raise error(f"Action configuration for action '{name}': OutputArtifactFormat must be {' or '.join(FORMATS)}")


def check_github(action: Doc) -> None:
    """Refuse polling: AWS polls unless PollForSourceChanges is false."""
    if "PollForSourceChanges" not in action["configuration"]:
        text = "PollForSourceChanges must be false: AWS polls without it, and the local cloud does not poll"
        raise error(f"Action configuration for action '{action['name']}': {text}")


def check_build(action: Doc) -> None:
    """Refuse a build action whose primary source or variables are invalid."""
    name, configuration = action["name"], action["configuration"]
    inputs = [row["name"] for row in action["inputArtifacts"]]
    primary = configuration.get("PrimarySource")
    if len(inputs) > 1 and primary is None:
        raise error(f"Action configuration for action '{name}' must contain PrimarySource for more than one input")
    if primary is not None and primary not in inputs:
        raise error(f"Action configuration for action '{name}': PrimarySource {primary} is none of its inputs {inputs}")
    build_variables(name, configuration.get("EnvironmentVariables", "[]"))


def build_variables(name: str, text: str) -> list[Doc]:
    """Return the environment variables that an action passes to its build.

    Raises:
        ApiError: the configuration value is not a JSON list of name, value, type.
    """
    where = f"Action configuration for action '{name}': EnvironmentVariables"
    try:
        rows = json.loads(text)
    except ValueError as problem:
        raise error(f"{where} is no JSON ({problem})") from None
    if not isinstance(rows, list):
        raise error(f"{where} must be a JSON list")
    for row in rows:
        if not isinstance(row, dict) or not {"name", "value"} <= set(row) <= BUILD_VARIABLE_KEYS:
            raise error(f"{where}: each item must have name, value and type, and nothing else")
        if row.get("type", "PLAINTEXT") not in BUILD_VARIABLE_TYPES:
            raise error(f"{where}: the type {row['type']} is none of {', '.join(BUILD_VARIABLE_TYPES)}")
        if not isinstance(row["name"], str) or not isinstance(row["value"], str):
            raise error(f"{where}: name and value must be texts")
    return rows


def check_topic(name: str, topic: str | None, region: str) -> None:
    """Refuse a malformed topic ARN, or one in another region."""
    if topic is None or "#{" in topic:
        return
    parts = topic.split(":")
    if len(parts) != 6 or parts[0] != "arn":  # noqa: PLR2004  arn:partition:service:region:account:name
        text = f"The ARN {topic} you specified for sending notifications for the approval action {name}"
        raise error(f"{text} contains a format error.")
    if parts[2] != "sns":
        text = f"The ARN {topic} has been specified for sending notifications for the approval action {name}"
        raise error(f"{text}, but the AWS service for this ARN cannot be used to send approval requests.")
    if parts[3] != region:
        text = f"The ARN {topic} has been specified for sending notifications for the approval action {name}"
        raise error(f"{text}, but the ARN is not in the same region as the pipeline.")


PROVIDERS = {
    "CodeStarSourceConnection": check_connection,
    "GitHub": check_github,
    "CodeBuild": check_build,
}


def check_inputs(action: Doc, made: set[str]) -> None:
    """Refuse an input artifact that no earlier action outputs."""
    for row in action["inputArtifacts"]:
        if row["name"] not in made:
            text = f"Input Artifact Bundle {row['name']} in action {action['name']} is not declared as Output Artifact "
            raise error(f"{text}Bundle in any of the preceding actions")
    names = [row["name"] for row in action["inputArtifacts"]]
    if len(set(names)) != len(names):
        raise error(f"Action {action['name']} names an input artifact twice")
