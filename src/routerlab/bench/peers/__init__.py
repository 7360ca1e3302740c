"""Other ways to get a label from the same file, each in a process of its own, as its users write it."""
