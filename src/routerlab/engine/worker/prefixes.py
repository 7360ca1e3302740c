"""Decoded prefixes kept on disk, so that a model that was loaded before need not read its exemplars again.

A file is one line of JSON and the state of the sequence as the library gives it. It counts only when its key
is the one asked for and its bytes have the sum that was written: anything else is as good as no file.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routerlab.core.files.atomic import write_new
from routerlab.core.files.toml import canonical_sha256
from routerlab.paths import cache_dir

SUFFIX = ".prefix"
MAGIC = "routerlab prefix 1"
HEADER_LIMIT = 4096


def prefix_dir() -> Path:
    """The folder of the prefixes."""
    return cache_dir() / "prefixes"


@dataclass(frozen=True)
class Kept:
    """A file of the cache: bytes, when it was last used (seconds since 1970), and what its header says."""

    path: Path
    size: int
    used: float
    model: str
    tokens: int


@dataclass(frozen=True)
class Prefixes:
    """The prefixes of one model as it is loaded here.

    `facts` are all that the state depends on besides the tokens: weights, build, devices, kind of cache.
    `limit` is the bytes that the whole folder may take; with 0 nothing is read or written.
    """

    folder: Path
    limit: int
    model: str
    facts: dict[str, Any]

    def key(self, tokens: Sequence[int]) -> str:
        """What the state of these tokens depends on, as one hash."""
        return canonical_sha256(self.facts | {"tokens": list(tokens)})

    def load(self, tokens: Sequence[int]) -> bytes | None:
        """The state after these tokens; None when there is none that can be trusted."""
        path = self._path(tokens)
        if not self.limit:
            return None
        try:
            with path.open("rb") as file:
                header = json.loads(file.readline(HEADER_LIMIT))
                state = file.read(self.limit + 1)
            os.utime(path)  # what is used stays longest
        except (OSError, ValueError, RecursionError):
            return None
        sound = isinstance(header, dict) and header == self._header(tokens, state)
        return state if sound else None

    def save(self, tokens: Sequence[int], state: bytes) -> None:
        """Keep a state; what was not used for the longest time makes room.

        A cache that cannot be written is no error.
        """
        if not 0 < len(state) <= self.limit:
            return
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            header = json.dumps(self._header(tokens, state)).encode()
            write_new(self._path(tokens), header + b"\n" + state, durable=False)
            trim(self.folder, self.limit)

    def _path(self, tokens: Sequence[int]) -> Path:
        return self.folder / f"{self.key(tokens)}{SUFFIX}"

    def _header(self, tokens: Sequence[int], state: bytes) -> dict[str, Any]:
        return {
            "magic": MAGIC,
            "key": self.key(tokens),
            "model": self.model,
            "tokens": len(tokens),
            "sha256": hashlib.sha256(state).hexdigest(),
        }


def kept(folder: Path) -> list[Kept]:
    """What the folder holds, last used first; damaged files too, for they take room."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(OSError):  # another process may be clearing it
            stat = path.stat()
            model, tokens = _described(path)
            found.append(Kept(path, stat.st_size, stat.st_mtime, model, tokens))
    return sorted(found, key=lambda k: -k.used)


def _described(path: Path) -> tuple[str, int]:
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline(HEADER_LIMIT))
        return str(header["model"]), int(header["tokens"])
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return "damaged or unfinished", 0


def trim(folder: Path, limit: int) -> int:
    """Delete what was not used for the longest time until `limit` bytes are left; how many files went."""
    total = gone = 0
    for file in kept(folder):
        total += file.size
        if total > limit:
            with suppress(OSError):
                file.path.unlink()
                gone += 1
    return gone
