"""What joins the program and the local cloud in this repository: virtual environments, locks, updates."""
