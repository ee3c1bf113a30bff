"""AWS as delivery sees it: its clients, and the state of the pipeline."""
