"""Names of the pipeline's stages, actions, artifacts and variables, which buildspecs and commands use too."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """The stages of a release, in their order."""

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
    """Keys of the build projects: `slipway-<stack>-<key>`; a second platform's build has its architecture behind it."""

    CHECKS = "checks"
    TEST = "test"
    BUILD = "build"
    INDEX = "index"
    STAGING_DEPLOY = "staging-deploy"
    STAGING_ACCEPTANCE = "staging-acceptance"
    STAGING_PROMOTE = "staging-promote"
    PRODUCTION_DEPLOY = "production-deploy"
    PRODUCTION_SMOKE = "production-smoke"


SOURCE_ARTIFACT, RELEASE_ARTIFACT = "Source", "Release"
RELEASE_FILE = "release.json"
"""The release manifest in the artifact `Release`."""
SOURCE_NAMESPACE, BUILD_NAMESPACE, ACCEPTANCE_NAMESPACE = "SourceVariables", "Build", "Acceptance"
COMMIT, EXECUTION = "COMMIT", "EXECUTION"
"""Variables of each build: the commit, and the pipeline execution."""
STACK, PIPELINE, PLATFORM = "STACK", "PIPELINE", "PLATFORM"
"""Variables of a build project: the environment it works on, the pipeline, and with several platforms its own."""
RELEASE, URL = "RELEASE", "URL"
"""Variables that builds export: `service@digest ...` by Build, the URL that was tested by Acceptance and Smoke."""


def built_artifact(architecture: str) -> str:
    """Return the artifact of what was built for one of several platforms: `Built_arm64`."""
    return f"Built_{architecture}"
