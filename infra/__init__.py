"""The architecture: what `pulumi up` creates. `stack.build` is the one composer."""
