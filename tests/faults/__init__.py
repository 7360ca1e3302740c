"""Faults against real workers: see __main__.py, or `make faults`."""
