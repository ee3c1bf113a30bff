"""A build in progress: what each of its steps works with."""

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
    """A build's document, its role's credentials, its log and its buildspec."""

    def __init__(self, parts: Parts, build: Doc) -> None:
        """Initialize with the build's document."""
        self.parts, self.build = parts, build
        self.shipment: Shipment | None = None
        self.session: Session = {}
        """Return the credentials of the build's role."""
        self.spec = buildspec.Buildspec()
        self.places: dict[str, str] = {}
        self.variables: dict[str, str] = {}
        """Return the environment variables of the build's container."""
        self.halted = ""

    def save(self) -> None:
        """Save the build's document."""
        self.parts.state.builds.save(self.build["id"])

    def require(self, action: str, resource: str, **keys: str) -> None:
        """Require that the build's role may perform an action that CodeBuild performs for the build.

        Args:
            action: the IAM action.
            resource: the resource's ARN.
            keys: condition keys of the action, as `Authority.require` takes them.

        Raises:
            DeniedError: the role lacks the permission; the message is AWS's.
        """
        self.parts.state.ctx.iam.require(self.session, action, resource, **keys)

    def say(self, *rows: str) -> None:
        """Log lines as the build agent."""
        if self.shipment is not None:
            now = time.time()
            self.shipment.add([(now, stamped(now, row)) for row in rows])

    def reader(self, secret: list[str]) -> Transcript:
        """Return a reader of the build's output that masks the secret values."""
        return Transcript(self.build, self.build["_word"], script.shown(self.spec), secret)
