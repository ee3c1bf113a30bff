"""Build: the release image of each service, tested as a container, then pushed as `candidate-<commit>`.

Tags are immutable and a commit is built once: what its tag names already is reused, its tests having passed then.
"""

from __future__ import annotations

import json
import math
import secrets
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from contract.images import CANDIDATE, COMMIT, architecture, platform_tag, suite_tag
from contract.pipeline import RELEASE_FILE
from delivery import process
from delivery.aws.clients import sentence
from delivery.errors import DeliveryError
from delivery.process import ProgramError
from delivery.release import ecr_login, images, sbom, suite_image, testing
from delivery.release.manifest import Image, Manifest
from delivery.release.pushed_suite import FAILURES, PUSH_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from delivery.aws.clients import Clients
    from delivery.environment import Environment, Service
    from delivery.release.push_after import PushAfter
    from delivery.release.testing import Workplace

REUSED = (
    '<?xml version="1.0" encoding="utf-8"?>\n<testsuites><testsuite name="image" tests="1" skipped="1" failures="0" '
    'errors="0"><testcase classname="image" name="tested when it was built"><skipped message="{tag} was built and '
    'tested before; it is reused"/></testcase></testsuite></testsuites>\n'
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Builder:
    """Builds the images of a commit, and writes the manifest and bills of materials to `output`."""

    clients: Clients
    environment: Environment
    commit: str
    place: Workplace
    output: Path
    platform: str = ""
    """One of several that the commit is built for; then what is built is a part of an index. Empty: the service's."""
    push_after: PushAfter | None = None
    """What has to succeed before an image is pushed; None for nothing."""
    push_suites: bool = False
    """Whether to push the images of acceptance suites too, for the pipeline's later steps to pull."""

    def run(self, execution: str) -> Manifest:
        """Build, test and push the release image of every service.

        Args:
            execution: the pipeline execution, or `by-hand`.

        Returns:
            The manifest, as written to release.json.

        Raises:
            DeliveryError: an image does not build, fails its tests or cannot be pushed, or what its push has to wait
                for failed. Images of services before it
                are pushed by then, and are reused by the next build of the commit.
        """
        self.output.mkdir(parents=True, exist_ok=True)
        found = {}
        for each in self.environment.services:
            service = replace(each, platform=self.platform or each.platform)
            digest = self._reused(service) or self._made(service)
            found[service.name] = Image(repository=service.repository, digest=digest, version=self.commit)
        for service in self.environment.services if self.push_suites else ():
            found[service.name] = replace(found[service.name], suite=self._suite(service))
        manifest = Manifest(commit=self.commit, execution=execution, services=found, platform=self.platform)
        manifest.write(self.output / RELEASE_FILE)
        (self.output / "release.txt").write_text(manifest.text() + "\n", "utf-8")
        return manifest

    @property
    def _tag(self) -> str:
        return platform_tag(self.commit, self.platform) if self.platform else CANDIDATE + self.commit

    def _reused(self, service: Service) -> str | None:
        """Return the digest of an image built earlier, and write a report with a skipped test that says so."""
        digest = images.digest_of(self.clients("ecr"), service.repository, self._tag)
        if digest is None:
            return None
        self.place.say(f"{service.name}: {self._tag} was built and tested before as {digest}; it is reused")
        folder = self.place.reports / service.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "acceptance.xml").write_text(REUSED.format(tag=self._tag), "utf-8")
        return digest

    def _made(self, service: Service) -> str:
        """Build, test and push one image; return its digest. Its local tag is removed afterwards."""
        # Random, since several builds may share one Docker Engine.
        local = f"slipway-build/{service.name}:{self.commit[:12]}-{secrets.token_hex(4)}"
        title, plain = f"{service.name}: building", suite_image.PLAIN
        try:
            process.quietly(command(service, self.commit, local, self.place.root), title, self.place.say, plain)
            self.place.say(f"{service.name}: built")
            _check_platform(service, local)
            with ThreadPoolExecutor() as beside:  # the tests, which wait more than they work
                bill = beside.submit(sbom.of_image, local, service.name, self.commit)
                testing.of_image(service, self.commit, local, self.place)
            suffix = f"-{architecture(self.platform)}" if self.platform else ""
            file = self.output / f"sbom-{service.name}{suffix}.cdx.json"
            file.write_text(json.dumps(bill.result(), indent=1) + "\n", "utf-8")
            if self.push_after:
                self.push_after.wait()
            return self._push(service, local, self._tag)
        finally:
            subprocess.run(["docker", "rmi", "--no-prune", local], capture_output=True, check=False)

    def _suite(self, service: Service) -> str:
        """Return the digest of the image of a service's suite, pushed now or before; empty where it is no build stage.

        It saves the later steps a build that they do themselves without it, so no release fails for it.
        """
        ecr, say, tag = self.clients("ecr"), self.place.say, suite_tag(self.commit)
        try:
            suite = suite_image.of_acceptance(service, self.place.root)
            if suite is None or suite.target is None:
                return ""
            if held := images.digest_of(ecr, service.repository, tag):
                say(f"{service.name}: {tag} was pushed before as {held}")
                return held
            with suite.built("the acceptance suite", say) as local:
                return self._push(service, local, tag, PUSH_SECONDS)
        except FAILURES as failed:
            say(f"{service.name}: its suite is not pushed, so Acceptance and Smoke build it: {sentence(failed)}")
            return ""

    def _push(self, service: Service, local: str, tag: str, seconds: float = math.inf) -> str:
        """Push an image within so many seconds and return its digest in the registry."""
        ecr, say, remote = self.clients("ecr"), self.place.say, f"{service.repository_url}:{tag}"
        subprocess.run(["docker", "tag", local, remote], check=True)
        try:
            with ecr_login.variables(ecr, service.repository_url) as login:
                process.quietly(["docker", "push", remote], f"{service.name}: pushing", say, login, seconds)
        except ProgramError:
            digest = images.digest_of(ecr, service.repository, tag)
            if digest is None:
                raise
            say(f"{service.name}: another build of this commit pushed {tag} meanwhile; it is used")
            return digest
        finally:
            subprocess.run(["docker", "rmi", "--no-prune", remote], capture_output=True, check=False)
        digest = images.digest_of(ecr, service.repository, tag)
        if digest is None:
            raise DeliveryError(f"{remote} was pushed, but repository {service.repository!r} does not show it")
        say(f"{service.name}: pushed {tag} as {digest}")
        return digest


def _check_platform(service: Service, image: str) -> None:
    """Reject an image for another platform than requested, which a base image can cause."""
    inspect = ["docker", "image", "inspect", "--format={{.Os}}/{{.Architecture}}", image]
    found = subprocess.run(inspect, capture_output=True, text=True, check=True).stdout.strip()
    if service.platform and found != service.platform:
        raise DeliveryError(
            f"{service.name}: the image is for {found}, not for {service.platform}; name base images in "
            f"{service.context}/{service.dockerfile} that are for both"
        )


def command(service: Service, commit: str, image: str, root: Path) -> list[str]:
    """Return the docker command that builds a service's release image."""
    arguments = {**service.build_args, COMMIT: commit}
    options = [
        "--force-rm",  # of containers that Docker's older builder would leave of a failed build
        *([f"--platform={service.platform}"] if service.platform else []),
        *(f"--build-arg={key}={value}" for key, value in sorted(arguments.items())),
    ]
    return suite_image.build_command(service, root, service.target, image, options)
