"""The acceptance suite of a service, run against the environment; without one, a check from outside."""

from __future__ import annotations

import math
import secrets
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from delivery import failure, process
from delivery.deploying import outside_check
from delivery.errors import DeliveryError
from delivery.release import file_modes, pushed_suite, suite_image, testing

if TYPE_CHECKING:
    from pathlib import Path

    from delivery.environment import Service
    from delivery.release.suite_image import SuiteImage
    from delivery.session import Session


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """One service's suite. `root` is the folder that image contexts are relative to, `reports` the one for results."""

    session: Session
    service: Service
    root: Path
    reports: Path
    safe_only: bool
    until: float = math.inf
    """The time of the session's clock at which the suite is ended."""
    pushed: str = ""
    """The digest of the suite's image that the release's Build pushed, empty for none."""

    def run(self, digest: str, version: str) -> None:
        """Run the suite against the environment: the configured one, the stage `acceptance`, or the built-in check.

        What the key `checks` declares is checked in any case.

        Args:
            digest: of the image that it has to find.
            version: that it has to find.

        Raises:
            DeliveryError: it could not be built, or failed, with the folder of its reports.
        """
        name, environment = self.service.name, self.session.environment
        self.session.say(f"{name}: testing {version} ({digest}) at {environment.url}")
        suite = suite_image.of_acceptance(self.service, self.root)
        if suite is None:
            self._built_in()
            return
        outside_check.check(environment, self.service)
        with suite.built("the acceptance suite", self.session.say, self._pulled) as image:
            self._test(suite, image, digest, version)

    def _pulled(self, name: str) -> bool:
        """Pull the image that Build pushed; False without one, and by hand, where the suite is the checkout's."""
        if not self.pushed or not file_modes.in_build():
            return False
        ecr, seconds = self.session.clients("ecr"), min(pushed_suite.PULL_SECONDS, self._left())
        return pushed_suite.pull(ecr, self.service, self.pushed, name, self.session.say, seconds)

    def _built_in(self) -> None:
        """Check the service from outside, and write the result of each request as a JUnit report."""
        say, service = self.session.say, self.service
        say(f"{service.name}: it has no acceptance suite; checking its health, its route and its checks from outside")
        reports, cases, failed = self._reports(), [], None
        for request in outside_check.requests(service):
            problem = outside_check.wrong(self.session.environment, service, [request])
            cases.append((request, problem))
            say(f"{service.name}: {problem or f'GET {request.path} answers {request.statuses}'}")
            failed = failed or problem
        (reports / "acceptance.xml").write_text(outside_check.report(cases), "utf-8")
        if failed:
            raise DeliveryError(f"{failed}; reports: {reports}")

    def _left(self) -> float:
        return self.until - self.session.clock.now()

    def _reports(self) -> Path:
        reports = (self.reports / self.service.name).resolve()
        reports.mkdir(parents=True, exist_ok=True)
        return reports

    def _test(self, suite: SuiteImage, image: str, digest: str, version: str) -> None:
        """Run the built suite."""
        name, url, reports = self.service.name, self.session.environment.url, self._reports()
        variables = {"SERVICE": name, "BASE_URL": url, "EXPECTED_DIGEST": digest, "EXPECTED_VERSION": version}
        variables |= {"SAFE_ONLY": "1"} if self.safe_only else {}
        settings = [f"--env={key}={value}" for key, value in variables.items()]
        container = f"slipway-acceptance-{name}-{secrets.token_hex(4)}"
        # The host's network: the suite comes from outside the environment and reaches every address the host reaches.
        options = [f"--name={container}", "--network=host", f"--volume={reports}:/reports", *settings]
        try:
            process.show(suite.run_command(image, *options), f"acceptance of {name} at {url}", seconds=self._left())
        except DeliveryError as failed:
            raise DeliveryError(f"{failed}{failure.tests(reports)}; reports: {reports}") from failed
        finally:
            subprocess.run(["docker", "rm", "--force", container], capture_output=True, check=False)
        testing.complete(reports, "acceptance")
