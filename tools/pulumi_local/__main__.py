"""`python -m tools.pulumi_local`, which bin/pulumi-local starts."""

import sys

from tools.pulumi_local.command import main

sys.exit(main(sys.argv[1:]))
