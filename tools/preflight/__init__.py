"""What make's targets need of this machine, looked at all at once before anything is made. Standard library alone."""
