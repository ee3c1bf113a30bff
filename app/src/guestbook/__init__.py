"""A guest book: pages and a JSON API that list and add entries kept in PostgreSQL."""
