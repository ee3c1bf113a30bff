"""The commands of the command line, and the server process that they start and stop."""
