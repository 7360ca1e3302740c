"""The parts of the lab screen."""
