"""kill -9 at any moment: what was submitted is there, and the next sitting goes on with it."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from routerlab.annotate.desk.open import open_desk
from routerlab.core.session.file import read_session
from tests.annotate.desk.victim import source, wanted

KILLS = 50
"""A file; more of them for the two hundred, since each sitting reads all that came before it."""


@pytest.mark.parametrize("seed", [7, 8, 9, 10])
def test_two_hundred_kills_lose_nothing_submitted(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "sums.ada.toml"
    random = Random(seed)
    taken, given = os.pipe()
    said: dict[str, str] = {}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.annotate.desk.victim", str(path), str(given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=(given,),
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
    ) as nursery:
        os.close(given)
        assert nursery.stdin
        assert nursery.stdout
        for sitting in range(KILLS):
            nursery.stdin.write(f"{sitting}\n")
            nursery.stdin.flush()
            pid = int(nursery.stdout.readline())
            assert select.select([taken], [], [], 20)[0], "no label was submitted"
            time.sleep(random.random() * 0.02)  # the moment of the kill is what is random here
            os.kill(pid, signal.SIGKILL)
            assert nursery.stdout.readline() == "gone\n"
            acknowledged = os.read(taken, 1 << 20).decode()
            said |= dict(line.split() for line in acknowledged.splitlines())
        nursery.stdin.close()
    os.close(taken)
    session = read_session(path).session
    known = {name: session.current(name, "case") for name in session.cases}
    assert len(said) > KILLS
    assert {name: known[name].label for name in said} == said
    extra = [name for name, state in known.items() if state.label and name not in said]
    assert len(extra) <= KILLS  # a kill cuts off one acknowledgement at most
    assert len(session.queues) == KILLS
    open_desk(source(KILLS), wanted(path))[0].file.close()
