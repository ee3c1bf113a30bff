"""Check all of a make target's prerequisites on this machine before it starts. Standard library only."""
