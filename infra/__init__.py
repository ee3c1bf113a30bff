"""The architecture that `pulumi up` creates; `stack.build` composes it."""
