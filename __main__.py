"""The program that `pulumi up` runs: read the stack's configuration, declare it, export its outputs."""

import pulumi
from pulumi.runtime.config import get_config_env, get_config_secret_keys_env

from infra import settings, stack

chosen = settings.load(
    get_config_env(),
    stack=pulumi.get_stack(),
    organization=pulumi.get_organization(),
    project=pulumi.get_project(),
    secret_keys=get_config_secret_keys_env(),
)
for name, value in stack.build(chosen).export().items():
    pulumi.export(name, value)
