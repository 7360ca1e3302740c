"""The `score` contract calibrated instead of a head fitted, and what a model does without a head."""
