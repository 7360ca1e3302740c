"""Files that survive anything: written whole, one writer each, TOML with errors that say where. No words
of the domain.
"""
