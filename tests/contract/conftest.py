"""The fixtures of the tests in this folder."""

from support.fixtures import cloud, ecs, elb

__all__ = ["cloud", "ecs", "elb"]
