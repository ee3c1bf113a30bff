"""`python pulumi_as.py preview -s STACK ...`: bin/pulumi-local with the credentials in PULUMI_AS (JSON variables)."""

from __future__ import annotations

import json
import os
import sys

from localcloud import client
from tools.pulumi_local.arguments import stack_of
from tools.pulumi_local.command import prepare
from tools.pulumi_local.environment import pulumi_environment

if __name__ == "__main__":
    cloud, arguments = client.running(), sys.argv[1:]
    environment = pulumi_environment(cloud)
    generated = prepare(cloud, stack_of(arguments) or "", environment)
    command = ["pulumi", *arguments, "--config-file", str(generated)]
    os.execvpe(command[0], command, environment | json.loads(os.environ["PULUMI_AS"]))  # noqa: S606 - no shell is meant
