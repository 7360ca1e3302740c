"""The tour: five steps in the real lab, which knows nothing of it."""
