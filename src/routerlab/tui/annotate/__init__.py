"""Labelling in earnest: one prompt after the other, blind."""
