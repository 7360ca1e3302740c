"""The words of the domain and what is computed from them. No screen, no model, no network."""
