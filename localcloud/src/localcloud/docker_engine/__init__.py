"""The Docker Engine: discovery and start of the daemon, its network, base images, and the services' containers."""
