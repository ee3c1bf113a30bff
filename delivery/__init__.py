"""The delivery commands: the pipeline's steps and the operator's tools, on AWS or anything with its APIs."""
