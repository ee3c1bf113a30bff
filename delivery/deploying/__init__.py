"""The deploy engine: release revisions, rollouts, verification of what is served, and rollback."""
