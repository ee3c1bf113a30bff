"""Pure functions on AWS's names, ARNs and documents; they know neither Pulumi nor the configuration."""
