"""A program to be killed: for each line on stdin it forks a child that promotes, and says the child's pid.

The child writes a byte to the pipe it inherited when it is about to write the corpus, and another when it
has. Forking spares a start of Python for each kill.
"""

import os
import signal
import sys
from pathlib import Path

from routerlab.annotate.corpus.file import held, promoted, replace
from routerlab.annotate.corpus.promote import Promotion, promotion
from routerlab.annotate.ratings.ratings import collect
from routerlab.core.corpus import load_corpus
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import TAXONOMY

SIX = load_taxonomy(TAXONOMY)


def planned(session: Path, corpus: Path) -> Promotion:
    """What the session's labels come to."""
    return promotion(collect([session]), load_corpus(corpus, SIX).case, SIX, {}, "M")


def promote(plan: Promotion, corpus: Path, out: int) -> None:
    """What the command does once it was told yes."""
    with held(corpus, SIX) as old:
        data = promoted(old, plan)
        os.write(out, b".")
        replace(old, data)
    os.write(out, b"!")


def main() -> None:
    """Fork at every line."""
    session, corpus, out = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    plan = planned(session, corpus)
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            promote(plan, corpus, out)
            signal.pause()
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main()
