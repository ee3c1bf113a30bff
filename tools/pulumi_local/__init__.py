"""Any pulumi sub-command, with the same program and stacks, against the local cloud: bin/pulumi-local."""
