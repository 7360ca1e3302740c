"""When to ask the larger router: thresholds chosen on out-of-fold answers, and the file that says so."""
