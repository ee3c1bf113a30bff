"""One component resource per file; components do not import one another."""
