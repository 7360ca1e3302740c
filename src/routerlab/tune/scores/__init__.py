"""The `score` contract calibrated instead of a head fitted."""
