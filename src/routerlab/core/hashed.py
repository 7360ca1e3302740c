"""What a file says, as something that others refer to by the hash of its content."""

from functools import cached_property

from routerlab.core.files.toml import canonical_sha256
from routerlab.core.prediction import Record


class Hashed(Record):
    """Base of what is pinned by its content."""

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the canonical content; formatting and comments do not count."""
        return canonical_sha256(self)
