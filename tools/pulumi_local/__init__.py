"""`bin/pulumi-local`: run any pulumi sub-command against the local cloud, with the same program and stacks."""
