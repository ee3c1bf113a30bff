"""The page at the root of the local cloud's port: what runs, what waits for an answer, and the forms that answer it."""
