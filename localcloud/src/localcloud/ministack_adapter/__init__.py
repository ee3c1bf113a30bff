"""ministack inside this process: loaded, patched where it is wrong, its state saved."""
