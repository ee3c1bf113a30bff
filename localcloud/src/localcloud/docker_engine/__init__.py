"""The Docker Engine: found or started, its network, base images, and containers of services."""
