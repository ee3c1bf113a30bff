"""`make bench`: benchmarks on a separate local cloud; the table is written to docs/benchmarks.md."""
