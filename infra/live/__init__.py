"""A stack that stands: what it is, what a change would do to it, and what is done to it beside what Pulumi does."""
