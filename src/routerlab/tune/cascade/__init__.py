"""When to ask larger routers: thresholds chosen on out-of-fold answers, and the file that says so."""
