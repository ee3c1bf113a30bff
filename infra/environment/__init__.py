"""The components of an environment, one ComponentResource per file."""
