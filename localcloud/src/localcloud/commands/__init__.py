"""The command line's commands, and the process that they start and stop."""
