"""The components of the release pipeline: one ComponentResource a file, stages and steps as data."""
