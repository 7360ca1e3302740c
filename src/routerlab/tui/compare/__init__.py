"""Two arms side by side, of one result or of two."""
