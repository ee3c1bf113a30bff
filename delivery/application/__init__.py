"""Applications that are new to Slipway: what they need, their stack files, and a trial run of their image."""
