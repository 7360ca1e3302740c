"""kill -9 at any moment of a promotion: the corpus is the old one or the new one, byte for byte."""

import os
import select
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from random import Random

from routerlab.annotate.corpus.text import case_text
from routerlab.core.corpus import Case
from routerlab.core.session.session import CaseRecord
from tests.annotate.corpus.promoter import planned, promote
from tests.annotate.sessions import CODE, said, saved

KILLS = 50
LONG = "word " * 10_000  # so that writing takes long enough to be hit


def test_fifty_kills_leave_the_old_corpus_or_the_new_one(tmp_path: Path) -> None:
    corpus = tmp_path / "mine.toml"
    cases = [Case(id=f"c{i}", prompt=f"{i}\n{LONG}", label=None if i % 2 else CODE) for i in range(20)]
    head = 'schema_version = 1\nname = "mine"\ntaxonomy = "front-door"\n'
    corpus.write_text(head + "".join(map(case_text, cases)))
    old = corpus.read_bytes()
    prompts = {f"c{i}": f"{i}\n{LONG}" for i in range(1, 20, 2)} | {"new": "a new one"}
    records = [CaseRecord(id=name, prompt=prompt, source="1") for name, prompt in prompts.items()]
    session = saved(tmp_path / "ada.toml", *records, *(said(name, CODE) for name in prompts))
    taken, given = os.pipe()
    promote(planned(session, corpus), corpus, given)
    new = corpus.read_bytes()
    corpus.write_bytes(old)
    assert [case["label"] for case in tomllib.loads(new.decode())["case"]] == [CODE] * 21
    assert os.read(taken, 2) == b".!"
    random = Random(7)
    outcomes: list[bytes] = []
    with subprocess.Popen(
        [sys.executable, "-m", "tests.annotate.corpus.promoter", str(session), str(corpus), str(given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=(given,),
    ) as nursery:
        assert nursery.stdin
        assert nursery.stdout
        for kill in range(KILLS + 1):
            corpus.write_bytes(old)
            nursery.stdin.write("\n")
            nursery.stdin.flush()
            pid = int(nursery.stdout.readline())
            assert select.select([taken], [], [], 20)[0], "the corpus was never written"
            assert os.read(taken, 1) == b"."
            if kill < KILLS:
                time.sleep(random.random() ** 2 * 0.01)  # the moment of the kill is what is random here
            else:
                assert os.read(taken, 1) == b"!"
            os.kill(pid, signal.SIGKILL)
            assert nursery.stdout.readline() == "gone\n"
            if select.select([taken], [], [], 0)[0]:
                assert os.read(taken, 1) == b"!"
            outcomes.append(corpus.read_bytes())
        nursery.stdin.close()
    os.close(taken)
    os.close(given)
    assert set(outcomes) <= {old, new}
    assert outcomes[-1] == new  # after all the kills nothing is in the way: no lock, no half file
    assert outcomes.count(old) > 2
