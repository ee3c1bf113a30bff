"""A service's first image, before any pipeline ran."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
import pulumi_docker as docker

if TYPE_CHECKING:
    from collections.abc import Mapping

# A name and a token are new at every run and matter only to the run that pushes.
OF_THE_PUSH = ["name", "authConfig"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstImageArgs:
    """What the build needs; `content_hash` identifies its outcome, `tag` this push of it.

    With `follow_source` a changed source is a new image; else the image is built once and then left alone.
    """

    repository_url: pulumi.Input[str]
    registry_id: pulumi.Input[str]
    context: str
    dockerfile: str
    target: str
    platform: str
    build_args: Mapping[str, str]
    content_hash: str
    tag: str
    follow_source: bool


class FirstImage(pulumi.ComponentResource):
    """An image built from source and pushed; `pulumi preview` builds nothing.

    - an image that follows the source is another resource for each content, so it is pushed with a fresh token;
      the registry's token and the tag, which differ at every run, never show as a change
    - tags are never used twice: going back to an earlier content works although tags are immutable
    - the image stays in the registry when this resource goes: a service may run it still
    """

    digest: pulumi.Output[str]
    version: pulumi.Output[str]

    def __init__(self, name: str, args: FirstImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:FirstImage", name, None, opts)
        token = aws.ecr.get_authorization_token_output(
            registry_id=args.registry_id, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        image = docker.RegistryImage(
            f"{name}-{args.content_hash}" if args.follow_source else name,
            name=pulumi.Output.concat(args.repository_url, ":", args.tag),
            build=docker.RegistryImageBuildArgs(
                context=args.context,
                dockerfile=args.dockerfile,
                target=args.target,
                platform=args.platform,
                build_args=dict(args.build_args),
            ),
            auth_config=docker.RegistryImageAuthConfigArgs(
                address=token.proxy_endpoint,
                username=token.user_name,
                password=pulumi.Output.secret(token.password),
            ),
            keep_remotely=True,
            opts=pulumi.ResourceOptions(
                parent=self, ignore_changes=[*OF_THE_PUSH, *([] if args.follow_source else ["build"])]
            ),
        )
        self.digest = image.sha256_digest
        self.version = image.name.apply(lambda reference: reference.rsplit(":", 1)[-1])
        self.register_outputs({"digest": self.digest, "version": self.version})
