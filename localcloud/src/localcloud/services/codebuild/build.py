"""A build under way, as each of its steps sees it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from localcloud.services.codebuild import buildspec, script
from localcloud.services.codebuild.transcript import Transcript, stamped

if TYPE_CHECKING:
    from localcloud.iam.sessions import Doc as Session
    from localcloud.services.codebuild.build_context import Parts
    from localcloud.services.codebuild.log_upload import Shipment
    from localcloud.state.table import Doc


class Build:
    """A build's document, its role's credentials, its log and its build specification."""

    def __init__(self, parts: Parts, build: Doc) -> None:
        """Take the build."""
        self.parts, self.build = parts, build
        self.shipment: Shipment | None = None
        self.session: Session = {}
        """The credentials of the build's role."""
        self.spec = buildspec.Buildspec()
        self.places: dict[str, str] = {}
        self.halted = ""

    def save(self) -> None:
        """Write the build's document."""
        self.parts.state.builds.save(self.build["id"])

    def require(self, action: str, resource: str) -> None:
        """Refuse what CodeBuild does in the build's name where its role may not do it.

        Raises:
            DeniedError: in AWS's words.
        """
        self.parts.state.ctx.iam.require(self.session, action, resource)

    def say(self, *rows: str) -> None:
        """Log lines as the build's agent."""
        if self.shipment is not None:
            now = time.time()
            self.shipment.add([(now, stamped(now, row)) for row in rows])

    def reader(self, secret: list[str]) -> Transcript:
        """Return what reads the build's output; the secret values are masked."""
        return Transcript(self.build, self.build["_word"], script.shown(self.spec), secret)
