"""The one endpoint: HTTP, AWS's wire formats, limits of requests, repeated requests, the request log."""
