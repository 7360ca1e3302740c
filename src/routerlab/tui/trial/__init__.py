"""A trial while it runs. Shows no outcomes."""
