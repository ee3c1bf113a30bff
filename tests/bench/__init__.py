"""`make bench`: what things take, measured on a local cloud of its own; the table goes to docs/benchmarks.md."""
