"""Home: what there is to open, and where to begin."""
