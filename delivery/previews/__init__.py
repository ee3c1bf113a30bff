"""What a change would do to each stack, as a comment on its pull request."""
