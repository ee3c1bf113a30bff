"""The first image of a service, before any pipeline ran."""

from __future__ import annotations

import secrets
import shlex
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
import pulumi_docker as docker

from buildlog import failing_step
from contract.images import content_tag
from infra import build_context
from infra.aws import platforms

if TYPE_CHECKING:
    from datetime import datetime

    from infra.config.environment import Service as Section

# A name and a token are new at every run and matter only to the run that pushes. How an image is built, its log file
# included, matters to the run that builds it: one that follows the source is another resource then.
OF_THE_PUSH = ["name", "authConfig", "build"]
NO_BUILD = "Error running "
"""How the provider's error begins when a build failed, not the push (`buildx build`, `legacy build`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    """What an image is built from: the hash of it, and the folder that Docker gets.

    That is the context, or a copy whose file modes do not depend on the checkout; always the context in a preview.
    """

    content_hash: str
    folder: str
    platform: str


class FirstImage(pulumi.ComponentResource):
    """An image built from source and pushed; `pulumi preview` builds nothing.

    - an image that follows the source is another resource for each content, so it is pushed with a fresh token;
      the registry's token and the tag, which differ at every run, never show as a change
    - tags are never used twice: going back to an earlier content works although tags are immutable
    - the image stays in the registry when this resource goes: a service may run it still
    - of a build that fails, the step and its last lines are shown: the provider itself tells an exit code only

    Args:
        name: of the service.
        section: `slipway:environment.services.<name>`.
        repository_url: where it is pushed.
        registry_id: whose token is used.
        pushed_at: the time of this run, a part of the tag.
        follow_source: whether a changed source is a new image; else the image is built once and then left alone.

    Raises:
        pulumi.RunError: a file of the build context cannot be read.
    """

    digest: pulumi.Output[str]
    version: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        section: Section,
        *,
        repository_url: pulumi.Input[str],
        registry_id: pulumi.Input[str],
        pushed_at: datetime,
        follow_source: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:FirstImage", name, None, opts)
        source, log = _source(name, section), _BuildLog(name, section)
        token = aws.ecr.get_authorization_token_output(
            registry_id=registry_id, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        image = docker.RegistryImage(
            f"{name}-{source.content_hash}" if follow_source else name,
            name=pulumi.Output.concat(repository_url, ":", content_tag(source.content_hash, pushed_at)),
            build=docker.RegistryImageBuildArgs(
                context=source.folder,
                dockerfile=section.dockerfile,
                target=section.target,
                platform=source.platform,
                build_args=dict(section.build_args),
                build_log_file=str(log.path),
            ),
            auth_config=docker.RegistryImageAuthConfigArgs(
                address=token.proxy_endpoint,
                username=token.user_name,
                password=pulumi.Output.secret(token.password),
            ),
            keep_remotely=True,
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=OF_THE_PUSH, hooks=log.hooks()),
        )
        self.digest = image.sha256_digest
        self.version = image.name.apply(lambda reference: reference.rsplit(":", 1)[-1])
        self.register_outputs({"digest": self.digest, "version": self.version})


def _source(name: str, section: Section) -> _Source:
    """Hash a service's build context, and settle the modes of its files unless this is a preview."""
    folder, platform = Path(section.context), platforms.OF_ARCHITECTURE[section.cpu_architecture]
    try:
        content_hash = build_context.image_hash(
            folder,
            dockerfile=section.dockerfile,
            target=section.target,
            platform=platform,
            build_args=section.build_args,
        )
        sent = folder if pulumi.runtime.is_dry_run() else build_context.settled(folder, section.dockerfile)
    except OSError as error:
        raise pulumi.RunError(
            f"{error.filename} cannot be read ({error.strerror}) and is in the context of service {name}; "
            f"correct its owner or mode, or name it in {section.context}/.dockerignore"
        ) from error
    return _Source(content_hash=content_hash, folder=str(sent), platform=platform)


class _BuildLog:
    """The file that a service's build is logged to, in a folder of this user's alone, for as long as it is built."""

    def __init__(self, service: str, section: Section) -> None:
        self._service, self._section = service, section
        self.path = Path(tempfile.gettempdir()) / f"slipway-build-{secrets.token_hex(8)}" / "build.log"

    def hooks(self) -> pulumi.ResourceHookBinding:
        """Return what the engine calls before the build and after it; nothing in a preview."""
        return pulumi.ResourceHookBinding(
            before_create=[self.make],
            after_create=[self.remove],
            on_error=[pulumi.ErrorHook(f"{self._service}-build-failed", self.tell)],
        )

    def make(self, _: pulumi.ResourceHookArgs) -> None:
        """Make the folder."""
        self.path.parent.mkdir(mode=0o700)

    def remove(self, _: pulumi.ResourceHookArgs | pulumi.ErrorHookArgs) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path.parent, ignore_errors=True)

    def tell(self, failed: pulumi.ErrorHookArgs) -> bool:
        """Show the failing step, read from the log or the provider's error; else the command that shows it.

        Returns:
            False: the build is not tried again.
        """
        logged = self.path.read_text("utf-8", errors="replace") if self.path.exists() else ""
        self.remove(failed)
        step = failing_step("\n".join([logged, *failed.errors]))
        if step or any(NO_BUILD in error for error in failed.errors):
            why = f"\n{step.text()}" if step else f"; the reason is shown by: {self._command()}"
            pulumi.log.error(f"the image of service {self._service!r} cannot be built{why}")
        return False

    def _command(self) -> str:
        """Return the command by which a person builds the image."""
        asked = self._section
        arguments = [f"--build-arg={key}={value}" for key, value in sorted(asked.build_args.items())]
        file = f"--file={asked.context}/{asked.dockerfile}"
        return shlex.join(["docker", "build", f"--target={asked.target}", file, *arguments, asked.context])
