"""Outcomes that others measured: their tables become sessions like our own, without the texts."""
