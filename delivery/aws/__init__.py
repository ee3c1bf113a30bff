"""AWS clients and the state of the pipeline."""
