"""routerlab: a terminal lab for front-door routing with small language models."""

__version__ = "0.1.0"
