"""What people are told: a step that failed, a release, a rollback, with the next command."""
