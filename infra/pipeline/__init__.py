"""The components of the release pipeline, one ComponentResource per file; stages and build projects as data."""
