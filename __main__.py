"""The program that `pulumi up` runs: read the stack's configuration, declare it, export its outputs."""

import pulumi
from pulumi.runtime import config

from infra import settings, stack

values = config.CONFIG.get()
chosen = settings.load(
    values,
    stack=pulumi.get_stack(),
    organization=pulumi.get_organization(),
    project=pulumi.get_project(),
    secret_keys=[key for key in values if config.is_config_secret(key)],
)
secrets = {key: pulumi.Config(key.split(":")[0]).get_secret(key.split(":")[1]) for key in settings.SECRETS}
for name, value in stack.build(chosen, secrets).export().items():
    pulumi.export(name, value)
