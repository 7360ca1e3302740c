"""The terminal app, a folder for each mode. Nothing here asks a model or writes a file of its own way."""
