"""What survives a kill: documents in SQLite, and the clock."""
