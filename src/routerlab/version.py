"""The version of the lab, which every record holds."""

__version__ = "0.1.0"
