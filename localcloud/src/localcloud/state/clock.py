"""The clock that pipelines and builds go by: the machine's, plus what a test has added.

AWS lets an approval expire after five minutes at the least; `localcloud clock 360` makes six minutes pass
at once instead. Nothing else in the local cloud follows it.
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
    """Seconds since 1970, ahead of the machine's by a number of seconds that outlives the process."""

    def __init__(self, store: Store) -> None:
        """Take up what was added before."""
        self._store = store
        self._ahead = float((store.get(KIND, KEY) or {}).get("ahead", 0))

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let time pass; durable on return.

        Raises:
            ValueError: seconds are negative, infinite or no number.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"{seconds} s: time does not go back, nor without end; give a positive number of seconds")
        self._ahead += seconds
        self._store.put(KIND, KEY, {"ahead": self._ahead})

    async def control(self, request: Request) -> Response:
        """Serve /_localcloud/clock: POST {"advance": SECONDS} lets time pass, GET tells it."""
        if request.method == "POST":
            try:
                self.advance(float(limits.decoded(await request.body())["advance"]))
            except (ValueError, KeyError, TypeError) as error:
                return JSONResponse({"message": f"the clock takes {{'advance': seconds}}: {error}"}, status_code=400)
        return JSONResponse({"now": self.now(), "ahead": self._ahead})
