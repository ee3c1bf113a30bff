"""The environment variables of a build's container."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from localcloud.docker_engine import qemu
from localcloud.iam import sessions
from localcloud.iam.authority import DeniedError
from localcloud.iam.names import Names
from localcloud.iam.operation_resources import parameter_arn
from localcloud.services import decryption
from localcloud.services.clients import client
from localcloud.services.codebuild import lambda_compute
from localcloud.services.codebuild.build_documents import console
from localcloud.settings import client_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.context import Context
    from localcloud.iam.sessions import Doc as Session
    from localcloud.services.codebuild.buildspec import Buildspec
    from localcloud.state.table import Doc

ARN_PARTS = 7


class VariableError(Exception):
    """A parameter or secret cannot be read."""

    def __init__(self, code: str, message: str) -> None:
        """Initialize with the phase context's status code and message."""
        super().__init__(message)
        self.code = code


def resolve(
    ctx: Context, build: Doc, spec: Buildspec, require: Callable[..., None]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the variables of the buildspec and the project, and the subset of them that is secret. Blocking.

    The project's (and StartBuild's) variables override the buildspec's, as on AWS. `require` raises an error if the
    role lacks a permission.

    Raises:
        VariableError: a parameter or secret cannot be read.
    """
    rows = [(name, "PLAINTEXT", value) for name, value in spec.variables.items()]
    rows += [(name, "PARAMETER_STORE", value) for name, value in spec.parameters.items()]
    rows += [(name, "SECRETS_MANAGER", value) for name, value in spec.secrets.items()]
    rows += [(row["name"], row["type"], row["value"]) for row in build["environment"]["environmentVariables"]]
    found = {name: (kind, value) for name, kind, value in rows}
    plain, secret = {}, {}
    for name, (kind, value) in found.items():
        if kind == "PLAINTEXT":
            plain[name] = value
        else:
            read = parameter if kind == "PARAMETER_STORE" else secret_value
            plain[name] = secret[name] = read(ctx, value, require)
    return plain, secret


def parameter(ctx: Context, name: str, require: Callable[..., None]) -> str:
    """Return a parameter's value, decrypted."""
    short = name.partition(":parameter")[2] if name.startswith("arn:") else name
    try:
        arn = parameter_arn(short, Names(account=ctx.account, region=ctx.region))
        require("ssm:GetParameters", arn)
        answer = client(ctx, "ssm").get_parameter(Name=short, WithDecryption=True)
        if answer["Parameter"]["Type"] == "SecureString":
            decryption.require(require, decryption.required(ctx, "ssm", arn, decryption.parameter_key(ctx, short)))
    except DeniedError as error:
        raise VariableError("Decrypted Variables Error", f"AccessDeniedException: {error}") from error
    except ClientError as error:
        if error.response["Error"]["Code"] == "ParameterNotFound":
            raise VariableError("Decrypted Variables Error", f"parameter does not exist: {name}") from error
        raise VariableError("Decrypted Variables Error", f"{name}: {error.response['Error']['Message']}") from error
    return str(answer["Parameter"]["Value"])


def secret_value(ctx: Context, reference: str, require: Callable[..., None]) -> str:
    """Return the value of secret-id:json-key:version-stage:version-id, where all parts but the first are optional."""
    identifier, key, stage, version = split_reference(reference)
    arguments: dict[str, str] = {"SecretId": identifier}
    arguments |= {"VersionStage": stage} if stage else {}
    arguments |= {"VersionId": version} if version else {}
    api = client(ctx, "secretsmanager")
    try:
        found = api.describe_secret(SecretId=identifier)
        require("secretsmanager:GetSecretValue", found["ARN"])
        needed = decryption.required(ctx, "secretsmanager", found["ARN"], found.get("KmsKeyId"))
        decryption.require(require, needed, told=decryption.TOLD_BY_SECRETS_MANAGER)
        answer = api.get_secret_value(**arguments)
    except DeniedError as error:
        raise VariableError("Secrets Manager Error Message", f"AccessDeniedException: {error}") from error
    except ClientError as error:
        failure = error.response["Error"]
        text = f"{failure['Code']}: {failure['Message']} ({identifier})"
        raise VariableError("Secrets Manager Error Message", text) from error
    text = answer.get("SecretString")
    if text is None:
        raise VariableError("Secrets Manager Error Message", f"{identifier} is a binary secret; give a text")
    return part(str(text), key, identifier) if key else str(text)


def split_reference(reference: str) -> tuple[str, str, str, str]:
    """Return the secret ID, JSON key, version stage and version ID; missing parts are ""."""
    parts = reference.split(":")
    length = ARN_PARTS if reference.startswith("arn:") else 1
    rest = [*parts[length:], "", "", ""]
    return ":".join(parts[:length]), rest[0], rest[1], rest[2]


def part(text: str, key: str, identifier: str) -> str:
    """Return one key of a JSON secret."""
    try:
        value: Any = json.loads(text)[key]
    except (ValueError, KeyError, TypeError) as error:
        raise VariableError("Secrets Manager Error Message", f"{identifier} has no JSON key {key}") from error
    return value if isinstance(value, str) else json.dumps(value)


def environment(
    ctx: Context, build: Doc, places: dict[str, str], own: dict[str, str], session: Session
) -> dict[str, str]:
    """Return all environment variables of a build's container.

    Args:
        ctx: the local cloud.
        build: the build.
        places: source folders by source identifier; "" for the primary source.
        own: the variables of the buildspec and the project.
        session: the session of the build's role. AWS serves its credentials at AWS_CONTAINER_CREDENTIALS_RELATIVE_URI;
            here they are environment variables, which every client supports too.
    """
    gateway = ctx.container_endpoint.split("//", 1)[1].split(":", 1)[0]
    kind = build["environment"]["type"]
    known = qemu.base_images(ctx.docker, kind, ctx.images)
    images = {name: value for name, value in known.items() if not name.startswith("CODEBUILD_")}
    base = client_environment(ctx.container_endpoint, images) | sessions.variables(session)
    base |= qemu.variables(ctx.docker, kind)
    base |= lambda_compute.VARIABLES if lambda_compute.used(build["environment"]) else {}
    for name in ("NO_PROXY", "no_proxy"):
        base[name] = f"{base[name]},{gateway}"
    source, webhook = build["source"], build.get("_webhook", {})
    told = {
        "GITHUB_API_URL": f"{ctx.container_endpoint}/api/v3",
        "CI": "true",
        "CODEBUILD_CI": "true",
        "CODEBUILD_BUILD_ARN": build["arn"],
        "CODEBUILD_BUILD_ID": build["id"],
        "CODEBUILD_BUILD_IMAGE": build["environment"]["image"],
        "CODEBUILD_BUILD_NUMBER": str(build["buildNumber"]),
        "CODEBUILD_BUILD_SUCCEEDING": "1",
        "CODEBUILD_BUILD_URL": console(ctx.region, build),
        "CODEBUILD_INITIATOR": build["initiator"],
        "CODEBUILD_KMS_KEY_ID": build["encryptionKey"],
        "CODEBUILD_PROJECT_ARN": build["_project_arn"],
        "CODEBUILD_PUBLIC_BUILD_URL": "",
        "CODEBUILD_LOG_PATH": (build.get("logs") or {}).get("streamName", ""),
        "CODEBUILD_START_TIME": str(round(build["startTime"] * 1000)),
        "CODEBUILD_SOURCE_VERSION": build.get("sourceVersion", ""),
        "CODEBUILD_RESOLVED_SOURCE_VERSION": build.get("resolvedSourceVersion", ""),
        "CODEBUILD_SOURCE_REPO_URL": source.get("location", "") if source["type"] == "GITHUB" else "",
        **{f"CODEBUILD_{name}": value for name, value in webhook.items()},
    }
    for identifier, place in places.items():
        told[f"CODEBUILD_SRC_DIR_{identifier}" if identifier else "CODEBUILD_SRC_DIR"] = place
    return base | told | own
