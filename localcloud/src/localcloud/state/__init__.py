"""Persistent state: documents in SQLite, and the clock."""
