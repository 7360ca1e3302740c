"""Reading files that may be long: progress on stderr, and sessions parsed once."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from routerlab.core.session.file import Opened

Tell = Callable[[str, int, int], None]
"""Called with what is being read, how much of it is done, and of how much."""

SOON_S = 0.3
"""Reading that takes no longer needs no bar."""


@contextmanager
def reading() -> Iterator[Tell]:
    """Something to tell progress to: shown on a terminal's stderr once it takes long enough to be seen."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    from routerlab.core.text import printable

    console = Console(stderr=True, markup=False, highlight=False)
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        console=console,
        transient=True,
        disable=not console.is_terminal or console.is_dumb_terminal,
    )
    task = bars.add_task("reading", total=1)
    began = time.monotonic()

    def tell(what: str, done: int, total: int) -> None:
        if done < total and not bars.live.is_started and time.monotonic() - began > SOON_S:
            bars.start()
        bars.update(task, description=f"reading {printable(what)}", completed=done, total=total)
        if done >= total:
            bars.stop()

    try:
        yield tell
    finally:
        bars.stop()


def read(path: Path) -> "Opened":
    """The session in `path`, with progress; a long one is parsed once only."""
    from routerlab.core.session.file import read_session
    from routerlab.paths import session_cache

    with reading() as tell:
        return read_session(path, lambda done, total: tell(path.name, done, total), session_cache())
