"""Validation of a pipeline's structure by AWS's rules (structure reference, action references, quotas).

Features that AWS supports and the local cloud does not are refused too, by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError
from localcloud.services.codepipeline import action_rules, condition_rules, trigger_rules, variables

if TYPE_CHECKING:
    from localcloud.state.table import Doc

STAGES = (2, 50)
ACTIONS = 50
DEFAULTS = {"pipelineType": "V1", "executionMode": "SUPERSEDED"}
CONDITIONS = {"onSuccess": "conditions on success"}


def structure_error(message: str) -> ApiError:
    """Return the error for an invalid pipeline."""
    return ApiError("InvalidStructureException", message)


def stage_error(message: str) -> ApiError:
    """Return the error for an invalid stage."""
    return ApiError("InvalidStageDeclarationException", message)


def check(declaration: Doc, region: str) -> Doc:
    """Return the declaration with AWS's defaults filled in.

    Raises:
        ApiError: the declaration is invalid; the message states the first violated rule.
    """
    declaration = defaults(declaration)
    check_type(declaration)
    check_store(declaration, region)
    check_stages(declaration)
    check_unique(declaration)
    action_rules.check(declaration, region)
    condition_rules.check(declaration, region)
    check_references(declaration)
    trigger_rules.check(declaration)
    return declaration


def defaults(declaration: Doc) -> Doc:
    """Return a copy with the defaults of all optional fields that AWS returns."""
    declaration = {**DEFAULTS, **declaration}
    stages = []
    for stage in declaration["stages"]:
        filled = [
            {"runOrder": 1, "configuration": {}, "inputArtifacts": [], "outputArtifacts": []} | action
            for action in stage["actions"]
        ]
        stages.append(stage | {"actions": filled})
    return declaration | {"stages": stages}


def check_type(declaration: Doc) -> None:
    """Refuse V2 features in V1, and the execution mode that is not supported."""
    mode = declaration["executionMode"]
    if mode == "PARALLEL":
        raise structure_error("the local cloud does not support the execution mode PARALLEL; use SUPERSEDED or QUEUED")
    if declaration["pipelineType"] != "V2":
        needing = [name for name in ("variables", "triggers") if declaration.get(name)]
        if mode != "SUPERSEDED":
            needing.append(f"executionMode {mode}")
        if needing:
            text = f"Pipeline type V1 does not support {', '.join(needing)}; set pipelineType to V2"
            raise structure_error(text)
    names = [row["name"] for row in declaration.get("variables", [])]
    double = duplicate(names)
    if double:
        raise structure_error(f"Variable names must be unique. The following variable name is already in use: {double}")


def check_store(declaration: Doc, region: str) -> None:
    """Refuse anything but a single artifact store, in this region."""
    if ("artifactStore" in declaration) == ("artifactStores" in declaration):
        raise structure_error("Pipeline must have either artifactStore or artifactStores, and not both")
    stores = declaration.get("artifactStores")
    if stores is not None and set(stores) != {region}:
        text = f"the local cloud has one region, {region}: artifactStores of {', '.join(sorted(stores)) or 'none'}"
        raise structure_error(f"{text} are not supported")


def check_stages(declaration: Doc) -> None:
    """Refuse an invalid number of stages or actions, misplaced source actions, and conditions."""
    stages = declaration["stages"]
    if not STAGES[0] <= len(stages) <= STAGES[1]:
        raise structure_error(f"Pipeline has {len(stages)} stages; it must have {STAGES[0]} to {STAGES[1]}")
    for number, stage in enumerate(stages):
        name = stage["name"]
        if not 1 <= len(stage["actions"]) <= ACTIONS:
            raise stage_error(f"Stage {name} has {len(stage['actions'])} actions; it must have 1 to {ACTIONS}")
        for action in stage["actions"]:
            source = action["actionTypeId"]["category"] == "Source"
            if source and number:
                raise structure_error(
                    f"Pipeline has a source action {action['name']} in stage {name}; only the first stage may have any"
                )
            if not source and not number:
                raise structure_error(
                    f"Pipeline should start with a stage that only contains source actions; {action['name']} is none"
                )
        check_conditions(stage)


def check_conditions(stage: Doc) -> None:
    """Refuse stage conditions and results that are not supported."""
    for member, what in CONDITIONS.items():
        if member in stage:
            raise stage_error(f"Stage {stage['name']}: the local cloud does not support {what} ({member})")
    if stage.get("blockers"):
        raise ApiError("InvalidBlockerDeclarationException", f"Stage {stage['name']}: blockers are reserved by AWS")
    failure = stage.get("onFailure", {})
    if failure.get("conditions") or failure.get("retryConfiguration") or failure.get("result", "FAIL") != "FAIL":
        text = f"Stage {stage['name']}: the local cloud supports onFailure with result FAIL only"
        raise stage_error(f"{text}, not {failure.get('result', 'conditions')}")


def check_unique(declaration: Doc) -> None:
    """Refuse duplicate names."""
    double = duplicate([stage["name"] for stage in declaration["stages"]])
    if double:
        raise structure_error(f"Stage names must be unique within a pipeline; {double} is used twice")
    for stage in declaration["stages"]:
        double = duplicate([action["name"] for action in stage["actions"]])
        if double:
            raise stage_error(f"Action names must be unique within a stage; {double} is used twice in {stage['name']}")
    actions = [action for stage in declaration["stages"] for action in stage["actions"]]
    double = duplicate([action["namespace"] for action in actions if "namespace" in action])
    if double:
        raise structure_error(f"Namespaces must be unique within a pipeline; {double} is used twice")
    made = {artifact["name"] for action in actions for artifact in action["outputArtifacts"]}
    clash = next((action["namespace"] for action in actions if action.get("namespace") in made), None)
    if clash:
        raise structure_error(f"The namespace {clash} is an artifact's name too; they have to differ")
    for reserved in (variables.PIPELINE, variables.VARIABLES):
        if any(action.get("namespace") == reserved for action in actions):
            raise structure_error(f"The namespace {reserved} is reserved")


def duplicate(names: list[str]) -> str | None:
    """Return the first duplicate name, or None."""
    return next((name for number, name in enumerate(names) if name in names[:number]), None)


def check_references(declaration: Doc) -> None:
    """Refuse references to namespaces or pipeline variables that have no value when the action runs."""
    declared = {row["name"] for row in declaration.get("variables", [])}
    ready: set[str] = {variables.PIPELINE}
    for stage in declaration["stages"]:
        for order in sorted({action["runOrder"] for action in stage["actions"]}):
            actions = [action for action in stage["actions"] if action["runOrder"] == order]
            for action in actions:
                for key, value in action["configuration"].items():
                    for reference in variables.references(value):
                        where = f"StageName=[{stage['name']}], ActionName=[{action['name']}], "
                        where += f"ActionConfigurationKey=[{key}], VariableReferenceText=[{reference}]"
                        check_reference(reference, action, ready, declared, where)
            ready |= {action["namespace"] for action in actions if "namespace" in action}


def check_reference(reference: str, action: Doc, ready: set[str], declared: set[str], where: str) -> None:
    """Refuse a reference that can never be resolved."""
    form = "Valid format for a pipeline execution variable reference is a namespace and a key separated by a period (.)"
    parts = variables.split(reference)
    if parts is None:
        raise ApiError("InvalidActionDeclarationException", f"{form}. {where}")
    namespace, key = parts
    if namespace == variables.VARIABLES:
        if action["actionTypeId"]["category"] == "Source":
            raise structure_error(f"Variables at the pipeline level cannot be used in source actions. {where}")
        if key in declared:
            return
        raise ApiError("InvalidActionDeclarationException", f"The pipeline declares no variable {key}. {where}")
    if namespace not in ready:
        text = "The following pipeline execution variables are referencing a namespace that does not exist"
        raise ApiError("InvalidActionDeclarationException", f"{form}. {text} before this action. {where}")
    if namespace == variables.PIPELINE and key not in variables.IMPLICIT:
        raise ApiError("InvalidActionDeclarationException", f"{form}. {reference} is no variable of AWS's. {where}")
