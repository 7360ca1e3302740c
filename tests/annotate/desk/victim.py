"""A program to be killed: for each number on stdin it forks an annotator, and says the annotator's pid.

The annotator opens the desk and submits labels as fast as it can; after each that is on the disk it writes
"ITEM LABEL" to the pipe it inherited. Forking spares 200 starts of Python.
"""

import os
import signal
import sys
from pathlib import Path

from routerlab.annotate.desk.item import QueueItem
from routerlab.annotate.desk.open import Wanted, open_desk
from routerlab.annotate.desk.source import Source
from routerlab.core.session.session import Pin
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import TAXONOMY

ITEMS = 100


def source(sitting: int) -> Source:
    """A queue of its own for each sitting, so that nothing lost is made good by the next."""
    items = tuple(
        QueueItem(f"q-{sitting}-{i}", f"What is {i} plus {sitting}?\nIn words.", f"line {i + 1}")
        for i in range(ITEMS)
    )
    return Source(Pin(name="sums", path="sums.txt", sha256="0" * 64), items, ())


def wanted(path: Path) -> Wanted:
    """How the victim annotates."""
    return Wanted("ada", path, load_taxonomy(TAXONOMY), TAXONOMY)


def annotate(path: Path, sitting: int, out: int) -> None:
    """Submit the whole queue, then wait to be killed."""
    desk, _ = open_desk(source(sitting), wanted(path))
    labels = desk.taxonomy.labels
    for i, item in enumerate(desk.items):
        desk.submit(i, labels[i % 6], also=(labels[(i + 1) % 6],), note="why \u202e not" if i % 3 else None)
        os.write(out, f"{item.id} {labels[i % 6]}\n".encode())
    signal.pause()


def main() -> None:
    """Fork at every line."""
    path, out = Path(sys.argv[1]), int(sys.argv[2])
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            annotate(path, int(line), out)
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main()
