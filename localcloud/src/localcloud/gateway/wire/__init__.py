"""AWS's wire formats, parsed and serialized by botocore's service models."""
