"""The fixtures of the engine's tests, for those that need a model."""

from tests.engine.conftest import tiny_files

__all__ = ["tiny_files"]
