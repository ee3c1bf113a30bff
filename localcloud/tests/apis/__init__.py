"""The local cloud's APIs, by AWS's own client."""
