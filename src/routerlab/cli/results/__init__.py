"""`routerlab analyze`, `check` and `report`: what results say."""
