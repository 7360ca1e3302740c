"""Other ways to a label, each in a process of its own, as its users write it: a module by library."""
