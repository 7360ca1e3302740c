"""A small pool, and `routerlab tune` run on it in a folder with a cache of its own."""

import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from routerlab import resources
from routerlab.core.taxonomy import load_taxonomy
from tests import program
from tests.conftest import PATIENCE_S
from tests.engine.shortened import first_layers
from tests.forked import workers
from tests.tui.lab.test_terminal import wait_gone

LABELS = load_taxonomy(resources.TAXONOMY).labels
PROMPTS = {
    "code/simple": [
        "regex for a postcode", "one line to sort a file", "swap two ints in C", "SQL: count users",
    ],
    "code/complex": [
        "build a REST service with tests", "write a parser package, five modules", "port our app to Rust",
        "a game engine with physics and docs",
    ],
    "CoT/simple": ["why is ice slippery?", "what does GDP mean?", "is 91 prime?", "who painted Guernica?"],
    "CoT/complex": [
        "prove that there are infinitely many primes", "weigh three pension plans over forty years",
        "which of these five theories explains inflation", "work out the orbit from these sightings",
    ],
    "hybrid/generative": [
        "a limerick with a table of its rhymes", "invent ten cheeses as JSON", "a menu in HTML for elves",
        "fake reviews as CSV for a demo",
    ],
    "hybrid/agentic": [
        "book my trip and tell the team", "clean the inbox every friday", "watch the price and buy when low",
        "call the plumber, then pay the bill",
    ],
}  # fmt: skip
FAULTY = """
[[case]]
id = "Z-1"
prompt = "of no label at all"
label = "poetry"

[[case]]
id = "Z-2"
prompt = "  REGEX for a   postcode"
label = "code/simple"
"""
READING = "reading prompts"
N_LAYERS = 10
"""Of the real model's thirty: enough to tell the labels of the pool apart."""


def pool_text() -> str:
    text = 'schema_version = 1\nname = "mini"\ntaxonomy = "front-door"\n'
    for label in LABELS:
        for i, prompt in enumerate(PROMPTS[label]):
            text += f'\n[[case]]\nid = "{label}-{i}"\nprompt = "{prompt}"\nlabel = "{label}"\n'
    return text


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


class Bench:
    """A folder with a model's folder and a pool, in which the command is run with a cache of its own."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        if not (folder / "models").exists():
            (folder / "models").symlink_to(model.parent)
            (folder / "pool.toml").write_text(pool_text() + FAULTY)
        self.model = str(model)

    def env(self, cache: str) -> dict[str, str]:
        """Linear algebra on one thread: threads that wait for each other beside busy tests take ages."""
        return {**os.environ, "XDG_CACHE_HOME": str(self.folder / cache), "OPENBLAS_NUM_THREADS": "1"}

    def tune(self, out: str, *more: str) -> list[str]:
        options = ["--exemplars", "none", "--instructions", "names", "--no-baselines", "--max-error", "0.2"]
        options += ["--out", out, *more]
        return ["tune", self.model, "--corpus", "pool.toml", *options]

    def run(self, cache: str, *words: object) -> Ended:
        done = program.run(self.folder, *words, env=self.env(cache))
        return Ended(done.returncode, done.stdout, done.stderr)


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def read_anew(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line.get("stage", "").startswith(READING)]


@dataclass(frozen=True)
class Runs:
    """The same command four times: interrupted, resumed, once more, and in words with an empty cache."""

    bench: Bench
    interrupted: Ended
    resumed: Ended
    again: Ended
    words: Ended


def tune_four_times(folder: Path, smollm2: Path) -> Runs:
    """The runs, from `folder` where another process has made them."""
    model, saved = folder / "shortened" / "smollm2.gguf", folder / "runs.json"
    model.parent.mkdir(parents=True, exist_ok=True)
    bench = Bench(folder, model)
    if not saved.exists():
        first_layers(smollm2, model, N_LAYERS)
        json_lines = ("--progress", "json")
        ended = [
            interrupt(bench),
            bench.run("a", *bench.tune("one/r.toml", *json_lines)),
            bench.run("a", *bench.tune("two/r.toml", *json_lines)),
            bench.run("b", *bench.tune("three/r.toml")),
        ]
        saved.write_text(json.dumps([asdict(e) for e in ended]))
    return Runs(bench, *(Ended(**e) for e in json.loads(saved.read_text())))


def interrupt(bench: Bench) -> Ended:
    """Ctrl+C after the first answers; no worker is left."""
    words = bench.tune("one/r.toml", "--progress", "json")
    process = program.begin(bench.folder, *words, env=bench.env("a"))
    deadline = time.monotonic() + PATIENCE_S
    left_behind: list[psutil.Process] = []
    while not left_behind or answers_of(process) < 2:
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[1]
        left_behind = left_behind or workers(process.pid)
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    wait_gone([one.pid for one in left_behind])
    assert process.returncode is not None
    return Ended(process.returncode, out, err)


def answers_of(process: program.Begun) -> int:
    """How many prompts it says to have read."""
    lines = lines_of(process.said()[0].rpartition("\n")[0])
    return max((line["done"] for line in read_anew(lines)), default=0)
