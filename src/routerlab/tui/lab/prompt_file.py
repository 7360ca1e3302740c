"""A file that holds one prompt, which is asked again whenever it is saved."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from routerlab.core.errors import LabError
from routerlab.core.files.toml import read_text

LONGEST = 100_000
"""Characters that a typed prompt may have; every model here refuses less than that."""
POLL_S = 0.25
"""Seconds between two looks at the file. What it holds is read when two looks found it the same, so that
nothing is asked that is written by halves."""


def read_prompt(path: Path) -> str:
    """The whole file as one prompt, without the blanks at its end. LabError when it is missing, not text,
    empty or too long."""
    try:
        huge = path.stat().st_size > 4 * LONGEST  # at most four bytes a character
    except OSError as e:
        raise LabError(f"{path}: cannot be read: {e.strerror}") from None
    prompt = "" if huge else read_text(path).removeprefix("\ufeff").rstrip()
    if huge or len(prompt) > LONGEST:
        raise LabError(f"{path}: too long for a prompt (at most {LONGEST:,} characters); shorten it")
    if not prompt:
        raise LabError(f"{path}: empty: write a prompt into it and save it")
    return prompt


async def saves(path: Path, tell: Callable[[str], None]) -> AsyncIterator[str]:
    """The file's prompt now and after every time it is saved, without end. What cannot be read is told, as
    is that the file is gone, and waited out."""
    seen: object = None
    before: object = None
    while True:
        now = await asyncio.to_thread(_stamp, path)
        if now == before and now != seen:
            seen = now
            try:
                prompt = await asyncio.to_thread(read_prompt, path)
            except LabError as e:
                tell(str(e))
            else:
                yield prompt
        before = now
        await asyncio.sleep(POLL_S)


def _stamp(path: Path) -> object:
    """What is another value after the file was saved, by whatever way editors do it; () while it is gone."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino
