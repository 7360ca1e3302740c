"""`routerlab serve` and peers under load: an open-loop driver, knees, idle connections, kills, hours."""
