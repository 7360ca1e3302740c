"""A model as judge of answers, pairwise and in both orders: beside the checks, never mixed with scores."""
