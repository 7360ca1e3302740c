"""From a prompt to a prediction. No screen."""
