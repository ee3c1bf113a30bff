"""What the tests share: a local cloud of their own, clients of it, and waiting."""
