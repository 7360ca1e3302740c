"""Commands, one module a noun; heavy imports stay inside the commands."""
