"""The first image of a service, which Pulumi builds before the pipeline exists."""

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

# Tag, registry token and build arguments (with the log file's path) differ in each run and matter only when the image
# is pushed. An image that follows the source gets a new resource name when its content changes.
IGNORED_INPUTS = ["name", "authConfig", "build"]
BUILD_ERROR_PREFIX = "Error running "
"""Prefix of the provider's error if the build failed and not the push (`buildx build`, `legacy build`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    """The source of an image: content hash, build context and platform.

    The folder is the service's context or, except in a preview, a copy whose file modes do not depend on the checkout.
    """

    content_hash: str
    folder: str
    platform: str


class FirstImage(pulumi.ComponentResource):
    """An image built from source and pushed; `pulumi preview` builds nothing.

    - an image that follows the source is a new resource for each content hash, pushed with a new registry token;
      token and tag, which differ in each run, never show as a change
    - tags contain the time: going back to an earlier content works although tags are immutable
    - the image is retained in the registry when this resource is deleted, since a service may still run it
    - if the build fails, its failing step and last lines are logged: the provider reports only an exit code

    Args:
        name: of the service.
        section: `slipway:environment.services.<name>`.
        repository_url: of the ECR repository that it is pushed to.
        registry_id: of the registry that the token is for.
        pushed_at: the time of this run, which becomes part of the tag.
        follow_source: whether a changed source is a new image, and an unchanged one is not.
        keep: without `follow_source`: whether an image that was pushed before stays; otherwise it is built again.

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
        keep: bool,
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
                target=section.effective_target or None,
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
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=IGNORED_INPUTS if keep or follow_source else ["authConfig"],
                hooks=log.hooks(),
            ),
        )
        self.digest = image.sha256_digest
        self.version = image.name.apply(lambda reference: reference.rsplit(":", 1)[-1])
        self.register_outputs({"digest": self.digest, "version": self.version})


def _source(name: str, section: Section) -> _Source:
    """Return a service's source; unless this is a preview, with fixed file modes.

    Raises:
        pulumi.RunError: a file of the build context cannot be read.
    """
    folder, platform = Path(section.context), platforms.BY_CPU_ARCHITECTURE[section.cpu_architecture]
    try:
        content_hash = build_context.image_hash(
            folder,
            dockerfile=section.dockerfile,
            target=section.effective_target,
            platform=platform,
            build_args=section.build_args,
        )
        context = folder if pulumi.runtime.is_dry_run() else build_context.with_fixed_modes(folder, section.dockerfile)
    except OSError as error:
        file = build_context.shown(str(error.filename))
        raise pulumi.RunError(
            f"{file}, in the build context of service {name}, cannot be read ({error.strerror}); "
            f"correct its owner or mode, or add it to {section.context}/.dockerignore"
        ) from error
    return _Source(content_hash=content_hash, folder=str(context), platform=platform)


class _BuildLog:
    """The log file of an image build, in a private temporary folder that exists only during the build."""

    def __init__(self, service: str, section: Section) -> None:
        self._service, self._section = service, section
        self.path = Path(tempfile.gettempdir()) / f"slipway-build-{secrets.token_hex(8)}" / "build.log"

    def hooks(self) -> pulumi.ResourceHookBinding:
        """Return the resource hooks around the build; the engine does not call them in a preview."""
        return pulumi.ResourceHookBinding(
            before_create=[self.create_folder],
            after_create=[self.remove_folder],
            on_error=[pulumi.ErrorHook(f"{self._service}-build-failed", self.report_failure)],
        )

    def create_folder(self, _: pulumi.ResourceHookArgs) -> None:
        """Create the folder, which only this user can read."""
        self.path.parent.mkdir(mode=0o700)

    def remove_folder(self, _: pulumi.ResourceHookArgs | pulumi.ErrorHookArgs) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path.parent, ignore_errors=True)

    def report_failure(self, failed: pulumi.ErrorHookArgs) -> bool:
        """Log the failing step, found in the log or in the provider's error; otherwise the command that shows it.

        Returns:
            False: the build is not retried.
        """
        logged = self.path.read_text("utf-8", errors="replace") if self.path.exists() else ""
        self.remove_folder(failed)
        step = failing_step("\n".join([logged, *failed.errors]))
        if step or any(BUILD_ERROR_PREFIX in error for error in failed.errors):
            reason = f"\n{step.text()}" if step else f"; the reason is shown by: {self._command()}"
            pulumi.log.error(f"the image of service {self._service!r} cannot be built{reason}")
        return False

    def _command(self) -> str:
        """Return the command that builds the image by hand."""
        section = self._section
        arguments = [f"--build-arg={key}={value}" for key, value in sorted(section.build_args.items())]
        target = [f"--target={section.effective_target}"] if section.effective_target else []
        file = f"--file={section.context}/{section.dockerfile}"
        return shlex.join(["docker", "build", *target, file, *arguments, section.context])
