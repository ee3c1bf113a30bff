"""The program that `pulumi up` runs: read the stack's configuration, declare it, export its outputs."""

import pulumi
from pulumi.runtime import config

from infra import settings, stack

chosen = settings.load(
    config.CONFIG.get(),
    stack=pulumi.get_stack(),
    organization=pulumi.get_organization(),
    project=pulumi.get_project(),
    secret_keys=[key for key in config.CONFIG.get() if config.is_config_secret(key)],
)
for name, value in stack.build(chosen).export().items():
    pulumi.export(name, value)
