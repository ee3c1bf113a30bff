"""The program that `pulumi up` runs: read the stack's configuration, declare it, export its outputs."""

import pulumi
from pulumi.runtime import config

from infra import stack
from infra.config import loading, secrets

values = config.CONFIG.get()
encrypted = [key for key in values if config.is_config_secret(key)]
known = {"stack": pulumi.get_stack(), "organization": pulumi.get_organization(), "project": pulumi.get_project()}
checked = loading.load(values, secret_keys=encrypted, **known)
handed_over = {key: pulumi.Config(key.split(":")[0]).get_secret(key.split(":")[1]) for key in secrets.SECRETS}
for name, value in stack.build(checked, handed_over).export().items():
    pulumi.export(name, value)
