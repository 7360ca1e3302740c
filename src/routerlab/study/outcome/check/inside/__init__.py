"""What runs in the sandbox, in an interpreter without site-packages: only the standard library is imported here."""
