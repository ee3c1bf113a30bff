"""Shared support of the tests: a separate local cloud, clients of it, and waiting."""
