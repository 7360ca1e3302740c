"""Asking the downstream models: a plan, every task once by every model, answers checked and kept."""
