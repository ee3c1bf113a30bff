"""The role for previews of pull requests."""
