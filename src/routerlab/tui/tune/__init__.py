"""Tuning from inside the lab, in a process of its own."""
