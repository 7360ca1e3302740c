"""`routerlab models`: list, pull, info, verify."""
