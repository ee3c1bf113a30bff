"""The Pulumi program: load the stack's configuration, declare its resources, export its outputs."""

import pulumi
from pulumi.runtime import config

from infra import stack
from infra.config import loading, secrets

values = config.CONFIG.get()
secret_keys = [key for key in values if config.is_config_secret(key)]
context = {"stack": pulumi.get_stack(), "organization": pulumi.get_organization(), "project": pulumi.get_project()}
checked = loading.load(values, secret_keys=secret_keys, **context)
secret_values = {key: pulumi.Config(key.split(":")[0]).get_secret(key.split(":")[1]) for key in secrets.SECRETS}
for name, value in stack.build(checked, secret_values).export().items():
    pulumi.export(name, value)
