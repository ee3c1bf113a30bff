"""Starts the guest book: `python -m guestbook`."""

from __future__ import annotations

import os
import sys

from guestbook import logs, server, web
from guestbook.settings import SettingsError, from_environment


def main() -> int:
    """Serve until told to stop.

    Returns:
        0 after a clean end, 2 when the environment is wrong (one line on standard error says what).
    """
    try:
        settings = from_environment(os.environ)
    except SettingsError as error:
        print(f"guestbook: {error}", file=sys.stderr)
        return 2
    logs.configure()
    server.serve(web.application(settings), settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
