"""Looks at processes that may end, or close what they have open, at any moment."""

import os
from pathlib import Path


def alive(pid: int) -> bool:
    """Whether it runs; a zombie, which has yet to be buried, does not."""
    try:
        os.kill(pid, 0)
        known = Path("/proc/self/stat").exists()  # as on Linux
        return not known or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def leads_to(fd: Path) -> str:
    """What a descriptor in /proc is of; nothing where it was closed meanwhile."""
    try:
        return os.readlink(fd)
    except OSError:
        return ""
