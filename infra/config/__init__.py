"""The configuration of a stack: sections, rules, loading, and the reference of keys."""
