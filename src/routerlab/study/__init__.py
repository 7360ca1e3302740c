"""The studies: from trials to figures, tests, a verdict and a report."""
