"""The gateway, a single endpoint for all services: HTTP, AWS wire formats, request limits, retries, the request log."""
