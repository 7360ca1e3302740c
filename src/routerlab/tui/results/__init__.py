"""A result on a screen."""
