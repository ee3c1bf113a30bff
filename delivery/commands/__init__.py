"""The command line: every command with its options, and what it calls."""
