"""The local cloud's parts, without Docker."""
