"""`routerlab serve`: run, promote."""
