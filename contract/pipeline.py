"""Names of the pipeline's stages, actions, build projects, artifacts and variables."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """The stages of the pipeline, in order."""

    SOURCE = "Source"
    TEST = "Test"
    BUILD = "Build"
    STAGING = "Staging"
    APPROVAL = "Approval"
    PRODUCTION = "Production"


class Action(StrEnum):
    """The actions of those stages; `DEPLOY` is in both Staging and Production."""

    SOURCE = "Source"
    TEST = "Test"
    BUILD = "Build"
    INDEX = "Index"
    DEPLOY = "Deploy"
    ACCEPTANCE = "Acceptance"
    PROMOTE = "Promote"
    APPROVE = "Approve"
    SMOKE = "Smoke"


class Project(StrEnum):
    """Keys of the build projects: `slipway-<stack>-<key>`; builds for a second platform append its architecture."""

    CHECKS = "checks"
    TEST = "test"
    BUILD = "build"
    INDEX = "index"
    STAGING_DEPLOY = "staging-deploy"
    STAGING_ACCEPTANCE = "staging-acceptance"
    STAGING_PROMOTE = "staging-promote"
    PRODUCTION_DEPLOY = "production-deploy"
    PRODUCTION_SMOKE = "production-smoke"


ACTIONS: dict[Project, tuple[Stage, Action]] = {
    Project.TEST: (Stage.TEST, Action.TEST),
    Project.BUILD: (Stage.BUILD, Action.BUILD),
    Project.INDEX: (Stage.BUILD, Action.INDEX),
    Project.STAGING_DEPLOY: (Stage.STAGING, Action.DEPLOY),
    Project.STAGING_ACCEPTANCE: (Stage.STAGING, Action.ACCEPTANCE),
    Project.STAGING_PROMOTE: (Stage.STAGING, Action.PROMOTE),
    Project.PRODUCTION_DEPLOY: (Stage.PRODUCTION, Action.DEPLOY),
    Project.PRODUCTION_SMOKE: (Stage.PRODUCTION, Action.SMOKE),
}
"""The stage and action that start each build project; `CHECKS` is started by pushes."""
SOURCE_ARTIFACT, RELEASE_ARTIFACT = "Source", "Release"
RELEASE_FILE = "release.json"
"""The release manifest in the artifact `Release`."""
SOURCE_NAMESPACE, BUILD_NAMESPACE, ACCEPTANCE_NAMESPACE = "SourceVariables", "Build", "Acceptance"
COMMIT, EXECUTION = "COMMIT", "EXECUTION"
"""Environment variables of each build: commit and pipeline execution ID."""
STACK, PIPELINE, PLATFORM = "STACK", "PIPELINE", "PLATFORM"
"""Environment variables of a build project: stack, pipeline, and with several platforms its platform."""
STAGE = "STAGE"
"""Environment variable of a build project whose action is in another stage than the one of its name."""
PUSH_AFTER = "PUSH_AFTER"
"""Environment variable of a build project whose images may only be pushed once this action has succeeded."""
PUSH_SUITES = "PUSH_SUITES"
"""Environment variable of a build project that pushes the images of the acceptance suites too: `1`."""
RELEASE, URL = "RELEASE", "URL"
"""Exported variables: `service@digest ...` of Build, the tested URL of Acceptance and Smoke."""
CAUSE = "CAUSE"
"""Exported variable of every step: `command: why it failed`, `none` where it did not."""


def built_artifact(architecture: str) -> str:
    """Return the name of a platform's build artifact: `Built_arm64`."""
    return f"Built_{architecture}"
