"""SHA-256 of model files, remembered so that an unchanged file is read once."""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from routerlab.core.errors import Exit, LabError
from routerlab.core.files.atomic import write_new
from routerlab.paths import cache_dir

CHUNK = 1 << 20


def hash_file(path: Path, progress: Callable[[int, int], None] | None = None) -> str:
    """SHA-256 (hex) of the file, always read anew; `progress` gets (bytes done, total)."""
    digest = hashlib.sha256()
    try:
        total = path.stat().st_size
        done = 0
        with path.open("rb") as f:
            while chunk := f.read(CHUNK):
                digest.update(chunk)
                done += len(chunk)
                if progress:
                    progress(done, total)
    except FileNotFoundError:
        raise LabError(f"{path}: no such file", Exit.MISSING) from None
    except OSError as e:
        raise LabError(f"{path}: cannot be read: {e.strerror}", Exit.MISSING) from None
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of the file, from the cache when path, size, time and inode are the same."""
    try:
        stamp = _stamp(path)
    except OSError:
        return hash_file(path)  # which says what is wrong
    known = _load().get(str(path.absolute()))
    if isinstance(known, dict) and known.get("stamp") == stamp and isinstance(known.get("sha256"), str):
        return str(known["sha256"])
    digest = hash_file(path)
    if _stamp(path) == stamp:  # not when the file changed under us
        remember(path, digest)
    return digest


def remember(path: Path, digest: str) -> None:
    """Puts a hash just computed into the cache; a cache that cannot be written is no error."""
    known = {name: value for name, value in _load().items() if Path(name).exists()}
    known[str(path.absolute())] = {"stamp": _stamp(path), "sha256": digest}
    file = _file()
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_new(file, json.dumps(known, indent=1).encode(), durable=False)


def _file() -> Path:
    return cache_dir() / "hashes.json"


def _stamp(path: Path) -> list[int]:
    s = path.stat()
    return [s.st_size, s.st_mtime_ns, s.st_ino]


def _load() -> dict[str, Any]:
    try:
        data = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
