"""Figures and tests on plain numbers, labels and trials. No files."""
