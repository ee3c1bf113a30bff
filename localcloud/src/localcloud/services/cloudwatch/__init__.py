"""CloudWatch's clock: each minute metrics are published and alarms evaluated; ministack serves the API itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse

from localcloud.gateway.limits import LimitError
from localcloud.services.clients import client
from localcloud.services.cloudwatch import messages, reasons
from localcloud.services.cloudwatch.datapoint import Datapoint
from localcloud.services.cloudwatch.evaluation import evaluate, step, windows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from localcloud.context import Context
    from localcloud.state.table import Doc

LOG = logging.getLogger(__name__)
LOOK_SECONDS = 5.0
"""How often it is looked what is due; also how soon a new alarm is evaluated for the first time."""
MINUTE = 60
TOPIC = ":sns:"


class Alarms:
    """Evaluates alarms and publishes their changes to SNS topics.

    It has no operations of its own: requests signed for monitoring go to ministack, whose documents these are.
    """

    api = "alarms"
    signing_name = "alarms"
    control: Callable[[Request], Awaitable[Response]] | None = None

    def __init__(self, ctx: Context) -> None:
        """Take over the alarms; nothing is evaluated before `start`."""
        self._ctx, self._cloudwatch = ctx, ctx.cloudwatch
        self._cloudwatch.changed = self._changed
        self.samplers: list[Callable[[], Awaitable[None]]] = []
        """Called every few seconds, to look at what has no counter."""
        self.publishers: list[Callable[[float], Awaitable[None]]] = []
        """Called after each minute, with the moment at which it began, to publish its data points."""
        self._evaluated: dict[str, tuple[int, Doc]] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin with the present minute."""
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop, once messages that are being sent have been."""
        if self._loop is not None:
            self._loop.cancel()
        if self._sending:
            await asyncio.wait(self._sending, timeout=5)

    async def reset(self) -> None:
        """Do nothing: the documents are ministack's."""

    async def handle(self, request: Request) -> Response:
        """Refuse: there is no such AWS service."""
        return PlainTextResponse(f"{request.url.path} is not served here\n", status_code=404)

    async def _run(self) -> None:
        minute = time.time() // MINUTE
        while True:
            await asyncio.sleep(LOOK_SECONDS - time.time() % LOOK_SECONDS)
            for sample in self.samplers:
                await self._guarded(sample())
            now = time.time() // MINUTE
            if now != minute:
                for publish in self.publishers:
                    await self._guarded(publish((now - 1) * MINUTE))
                minute = now
                self._save()
            if self._evaluate(time.time()):
                self._save()

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception:  # logged; alarms are evaluated by what there is, and the next minute tries again
            LOG.exception("metrics are not published")

    def _save(self) -> None:
        with contextlib.suppress(LimitError):  # it is logged, and the next change tries again
            self._cloudwatch.save()

    def _evaluate(self, now: float) -> bool:
        """Evaluate the alarms that are due; return whether any has changed."""
        changed = False
        alarms = self._cloudwatch.alarms()
        for alarm in alarms:
            turn = int(now // step(alarm))
            if (before := self._evaluated.get(alarm["AlarmName"])) and before[0] == turn and before[1] is alarm:
                continue
            self._evaluated[alarm["AlarmName"]] = (turn, alarm)
            try:
                changed = self._settle(alarm, now) or changed
            except Exception:  # logged; the other alarms are evaluated
                LOG.exception("the alarm %s cannot be evaluated", alarm["AlarmName"])
        names = {alarm["AlarmName"] for alarm in alarms}
        self._evaluated = {name: known for name, known in self._evaluated.items() if name in names}
        return changed

    def _settle(self, alarm: Doc, now: float) -> bool:
        """Evaluate one alarm; return whether its state has changed."""
        begins = windows(alarm, now)
        values = self._cloudwatch.values(alarm, begins)
        found = [Datapoint(at=at, value=value) for at, value in zip(begins, values, strict=True)]
        verdict = evaluate(alarm, found)
        if verdict is None or verdict.state == alarm["StateValue"]:
            return False
        LOG.info("%s: %s: %s", alarm["AlarmName"], verdict.state, verdict.reason)
        data = reasons.data(alarm, verdict.evaluated, now)
        self._cloudwatch.transition(alarm, verdict.state, verdict.reason, data)
        return True

    def _changed(self, alarm: Doc, before: str) -> None:
        """Publish a change of state to the alarm's topics."""
        if not alarm.get("ActionsEnabled", True):
            return
        ctx, state = self._ctx, alarm["StateValue"]
        subject = messages.subject(alarm, state, ctx.region)
        text = messages.message(alarm, before, time.time(), ctx.account, ctx.region)
        for action in alarm.get(messages.ACTIONS[state]) or []:
            if TOPIC not in action:
                self._cloudwatch.told(alarm, f"Failed to execute action {action}: the local cloud has topics only")
                continue
            task = asyncio.get_running_loop().create_task(self._publish(alarm, action, subject, text))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _publish(self, alarm: Doc, topic: str, subject: str, text: str) -> None:
        """Publish one message; the alarm's history says whether it was."""
        sns = client(self._ctx, "sns")
        try:
            await asyncio.to_thread(sns.publish, TopicArn=topic, Subject=subject, Message=text)
        except Exception as error:  # noqa: BLE001 - whatever it is, CloudWatch only writes it into the history
            LOG.warning("%s: the topic %s took no message: %s", alarm["AlarmName"], topic, error)
            self._cloudwatch.told(alarm, f"Failed to execute action {topic}. Received error: {error}")
        else:
            self._cloudwatch.told(alarm, f"Successfully executed action {topic}")
        self._save()
