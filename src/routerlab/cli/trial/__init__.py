"""`routerlab trial`: protocol, power, lock, run, looks, analysis, sweep."""
