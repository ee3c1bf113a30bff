"""The configuration of a stack: its sections, their rules, and reading them."""
