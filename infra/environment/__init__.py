"""The components of an environment: one ComponentResource a file."""
