"""The words of the domain: what is written down and what is computed from it. No screen, no network."""
