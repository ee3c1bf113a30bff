"""The developer commands of this repository, which connect the Pulumi program and the local cloud."""

from tools.local_settings import apply

apply()
