"""The local cloud: the AWS services that this repository's stacks use, on one machine with Docker."""
