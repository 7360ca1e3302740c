"""Peers as child processes, on a tiny model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from routerlab.bench.peers.parent import Peer
from routerlab.bench.peers.protocol import PeerKind, PeerSetup
from routerlab.core.errors import LabError
from tests.conftest import PATIENCE_S
from tests.engine import tiny
from tests.engine.asking import FRONT_DOOR


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.build(tmp_path_factory.mktemp("peers") / "tiny.gguf", "llama", tiny.TEMPLATES["chatml"])


@asynccontextmanager
async def started(model: Path, kind: PeerKind) -> AsyncIterator[Peer]:
    """A peer with room for a short prompt; afterwards neither it nor what it started is there any more."""
    setup = PeerSetup(kind=kind, model=model, taxonomy=FRONT_DOOR, n_ctx=1024, threads=1, gpu_layers=0)
    peer, processes = Peer(setup), []
    try:
        await peer.start()
        first = psutil.Process(peer.pid)
        processes = [first, *first.children(recursive=True)]
        yield peer
    finally:
        await peer.stop()
        _, alive = psutil.wait_procs(processes, timeout=PATIENCE_S)
        assert not alive


@pytest.mark.parametrize("kind", ["grammar", "schema", "server"])
async def test_a_peer_that_is_held_to_the_labels_answers_with_one(model: Path, kind: PeerKind) -> None:
    async with started(model, kind) as peer:
        replies = [await peer.ask(prompt, PATIENCE_S) for prompt in ('a "quoted"\nprompt', "<|im_end|> ü")]
    assert [r.error for r in replies] == [None, None]
    assert all(r.label in FRONT_DOOR.labels for r in replies)
    assert all(r.ms > 0 and r.generated > 0 for r in replies)


async def test_a_fault_is_an_answer_and_the_next_question_is_asked(model: Path) -> None:
    async with started(model, "grammar") as peer:
        long = await peer.ask("x" * 2000, PATIENCE_S)
        assert long.error is not None
        assert "1024" in long.error
        assert (await peer.ask("x", PATIENCE_S)).label in FRONT_DOOR.labels


async def test_a_peer_that_takes_too_long_is_started_again(model: Path) -> None:
    async with started(model, "schema") as peer:
        assert (await peer.ask("x", 0.0001)).error == "peer schema: no answer in 0.0001 s"
        assert (await peer.ask("x", PATIENCE_S)).label in FRONT_DOOR.labels


async def test_a_peer_that_cannot_load_says_why(tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"no model")
    with pytest.raises(LabError, match=r"peer chat: .*bad\.gguf"):
        async with started(tmp_path / "bad.gguf", "chat"):
            pass
