"""What runs in the sandbox, in an interpreter that has the standard library only."""
