"""Carrying a locked protocol out: traffic, and where it stands. Shows no outcomes."""
