"""Reading and writing AWS's wire formats by botocore's service models."""
