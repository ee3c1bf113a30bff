"""The entry point of bin/pulumi-local: `python -m tools.pulumi_local`."""

import sys

from tools.pulumi_local.command import main

sys.exit(main(sys.argv[1:]))
