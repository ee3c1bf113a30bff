"""The IAM role for `pulumi preview` of pull requests."""
