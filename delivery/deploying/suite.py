"""A service's acceptance suite: built from its `acceptance` target, run in a container against the environment."""

from __future__ import annotations

import secrets
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from delivery import process
from delivery.errors import DeliveryError
from delivery.release import testing

if TYPE_CHECKING:
    from pathlib import Path

    from delivery.environment import Service
    from delivery.session import Session


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """One service's suite. `root` is the folder that image contexts are relative to, `reports` the one for results."""

    session: Session
    service: Service
    root: Path
    reports: Path
    safe_only: bool

    def run(self, digest: str, version: str) -> None:
        """Build the suite and run it against the environment.

        Args:
            digest: of the image that it has to find.
            version: that it has to find.

        Raises:
            DeliveryError: it could not be built, or failed, with the folder of its reports.
        """
        image = f"slipway-acceptance/{self.service.name}:{secrets.token_hex(4)}"
        try:
            self._build(image)
            self._test(image, digest, version)
        finally:
            # The layers stay, as the cache of the next build.
            subprocess.run(["docker", "rmi", "--no-prune", image], capture_output=True, check=False)

    def _build(self, image: str) -> None:
        """Build the service's `acceptance` target with the build arguments of its stack."""
        service = self.service
        context = self.root / service.context
        dockerfile = process.require(context / service.dockerfile, "the stack names it as the Dockerfile")
        arguments = [f"--build-arg={key}={value}" for key, value in sorted(service.build_args.items())]
        command = ["docker", "build", "--target=acceptance", f"--tag={image}", f"--file={dockerfile}", *arguments]
        self.session.say(f"{service.name}: building the acceptance suite (a minute or two the first time)")
        process.quietly([*command, str(context)], f"{service.name}: building the suite", self.session.say)

    def _test(self, image: str, digest: str, version: str) -> None:
        """Run the built suite."""
        name, url = self.service.name, self.session.environment.url
        reports = (self.reports / name).resolve()
        reports.mkdir(parents=True, exist_ok=True)
        variables = {"SERVICE": name, "BASE_URL": url, "EXPECTED_DIGEST": digest, "EXPECTED_VERSION": version}
        variables |= {"SAFE_ONLY": "1"} if self.safe_only else {}
        settings = [f"--env={key}={value}" for key, value in variables.items()]
        container = f"slipway-acceptance-{name}-{secrets.token_hex(4)}"
        # The host's network: the suite comes from outside the environment and reaches every address the host reaches.
        command = ["docker", "run", "--rm", f"--name={container}", "--network=host", f"--volume={reports}:/reports"]
        self.session.say(f"{name}: testing {version} ({digest}) at {url}")
        try:
            process.show([*command, *settings, image], f"acceptance of {name} at {url}")
        except DeliveryError as failed:
            raise DeliveryError(f"{failed}; reports: {reports}") from failed
        finally:
            subprocess.run(["docker", "rm", "--force", container], capture_output=True, check=False)
        testing.complete(reports, "acceptance")
