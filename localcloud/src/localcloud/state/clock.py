"""The clock of pipelines and builds: the machine's time plus an offset that tests advance.

On AWS an approval's timeout is at least five minutes; `localcloud clock 360` advances the clock by six minutes
at once. Nothing else in the local cloud uses it.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from localcloud.gateway import limits

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from localcloud.state.store import Store

KIND, KEY = "clock", "clock"


class Clock:
    """Seconds since 1970, with an offset that is persisted."""

    def __init__(self, store: Store) -> None:
        """Load the offset from the store."""
        self._store = store
        self._ahead = float((store.get(KIND, KEY) or {}).get("ahead", 0))

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Advance the clock; durable on return.

        Raises:
            ValueError: the seconds are negative, infinite or NaN.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"{seconds} s: time does not go back, nor without end; give a positive number of seconds")
        self._ahead += seconds
        self._store.put(KIND, KEY, {"ahead": self._ahead})

    async def control(self, request: Request) -> Response:
        """Handle /_localcloud/clock: POST {"advance": SECONDS} advances the clock, GET returns the time."""
        if request.method == "POST":
            try:
                self.advance(float(limits.decoded(await request.body())["advance"]))
            except (ValueError, KeyError, TypeError) as error:
                return JSONResponse({"message": f"the clock takes {{'advance': seconds}}: {error}"}, status_code=400)
        return JSONResponse({"now": self.now(), "ahead": self._ahead})
