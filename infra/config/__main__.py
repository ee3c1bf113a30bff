"""`python -m infra.config`: print the reference of configuration keys, `docs/configuration.md`."""

from __future__ import annotations

import sys

from infra.config import reference

sys.stdout.write(reference.render())
