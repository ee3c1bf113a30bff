"""Pure functions for AWS names, ARNs, policy documents, platforms and subnets, without Pulumi resources."""
