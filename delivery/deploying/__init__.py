"""The deploy engine: release revisions, rollouts, the proof of what is served, and the way back."""
