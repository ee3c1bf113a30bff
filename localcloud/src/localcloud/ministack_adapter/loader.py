"""ministack inside our process: set up without listeners or containers of its own, and reached as an ASGI app."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from localcloud.gateway.limits import LimitError
from localcloud.ministack_adapter import patches
from localcloud.settings import ACCOUNT, REGION

if TYPE_CHECKING:
    from types import ModuleType

LOG = logging.getLogger(__name__)
SERVED = {
    "acm": "acm",
    "ec2": "ec2",
    "events": "eventbridge",
    "iam": "iam",
    "kms": "kms",
    "logs": "cloudwatch_logs",
    "monitoring": "cloudwatch",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
    "sts": "sts",
    "tagging": "tagging",
}
"""SigV4 service names that ministack answers here, and its modules. Whatever is missing is refused by name: ministack
would pretend to do it."""
GROWING = ("logs", "monitoring")
"""Services whose state grows by itself, and is saved while it does."""


def load(state_dir: Path, port: int) -> ModuleType:
    """Import ministack with its state in our folder and return its application module.

    Environment variables are how ministack is configured, and it reads them when imported: call this once, first.
    """
    objects = state_dir / "s3"
    objects.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        GATEWAY_PORT=str(port),
        MINISTACK_ACCOUNT_ID=ACCOUNT,
        MINISTACK_REGION=REGION,
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        PERSIST_STATE="1",
        STATE_DIR=str(state_dir / "ministack"),
        S3_PERSIST="1",
        S3_DATA_DIR=str(objects),
        LOG_LEVEL="WARNING",
    )
    from ministack import app  # noqa: PLC0415 - slow to import, and reads its settings then

    application: ModuleType = app
    patches.apply(application)
    return application


def save(app: ModuleType, service: str) -> None:
    """Write what ministack holds for a service (a SigV4 name) to its file, as a whole or not at all.

    ministack's own function writes the same, seven times slower: that would be felt at every line of a log.

    Raises:
        LimitError: it cannot be written; the change is undone.
    """
    from ministack.core import persistence  # noqa: PLC0415 - slow to import, and reads its settings then

    name = SERVED[service]
    module = app._get_module(name)  # noqa: SLF001 - ministack has no public name for it
    state = uncopied(module) if service in GROWING else module.get_state()
    if state is None:
        return
    path = Path(persistence.STATE_DIR) / f"{name}.json"
    draft = path.with_name(f"{path.name}.tmp")
    try:
        version = persistence._state_format_version(name)  # noqa: SLF001 - ministack has no public name for it
        document = {"__ministack_format__": version, "payload": state}
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(document, default=persistence._json_default))  # noqa: SLF001 - ministack has no public name for it
        draft.replace(path)
    except (TypeError, ValueError):
        LOG.exception("%s cannot be saved; a kill would lose its last changes", service)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        undo(module, name)
        text = f"the state of {service} cannot be written, so nothing is changed: {error}"
        LOG.error("%s", text)  # noqa: TRY400  one line; the client is told the same
        raise LimitError(403, "LimitExceededException", f"{text}: free some space, then try again") from error


def uncopied(module: ModuleType) -> Any:
    """Return a state as `get_state` does, but without copying it: nothing runs before it is saved.

    The copy was two thirds of what a save of logs took: 0.2 of each second with 5 MB of them (measured).
    """
    if hasattr(module, "_log_records"):
        module._log_records.clear()  # noqa: SLF001  every event once more, for pointers of Insights queries alone
    shared = SimpleNamespace(deepcopy=lambda value: value)
    return FunctionType(module.get_state.__code__, {**vars(module), "copy": shared})()


def undo(module: ModuleType, name: str) -> None:
    """Take a service back to what its file holds; logs, metrics and objects stay, which have no way back."""
    from ministack.core import persistence  # noqa: PLC0415 - slow to import, and reads its settings then

    if name not in ("s3", "cloudwatch", "cloudwatch_logs"):
        module.reset()
        module.load_persisted_state(persistence.load_state(name))
