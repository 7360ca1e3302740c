"""A disk that can be full: a small tmpfs where one may be mounted, else a limit on the size of files."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE_MB = 96


class Disk:
    """A folder for a sitting's session and logs; `with` mounts a tmpfs there, if wanted and allowed."""

    def __init__(self, folder: Path, mount: bool = True) -> None:
        self.folder = folder
        self.mounted = False
        self._mount = mount

    def __enter__(self) -> "Disk":
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._mount:
            return self
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(self.folder)]
        try:
            self.mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:  # no such program
            self.mounted = False
        return self

    def __exit__(self, *_: object) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)

    @contextmanager
    def full(self, file: Path, spare: int) -> Iterator[None]:
        """Inside, `file` can grow by some `spare` bytes at most, and no other file of the disk either."""
        with _ballast(self.folder / "ballast") if self.mounted else _limit(file, spare):
            yield


@contextmanager
def _ballast(path: Path) -> Iterator[None]:
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        size = 1 << 24
        while size:
            try:
                os.posix_fallocate(fd, os.fstat(fd).st_size, size)
            except OSError:
                size //= 2
        yield
    finally:
        os.close(fd)
        path.unlink()


@contextmanager
def _limit(file: Path, spare: int) -> Iterator[None]:
    """EFBIG instead of ENOSPC; for every file of this process and of the workers it starts meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((file.stat().st_size if file.exists() else 0) + spare, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
