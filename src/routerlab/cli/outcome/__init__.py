"""`routerlab outcome`: does right routing give better answers."""
