"""From prompt to prediction. No screen."""
