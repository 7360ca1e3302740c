"""Peers besides llama.cpp: their maths, what they are told, and how it is said that one cannot be had."""

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from routerlab.bench.open import Plan, examples, refuse_unfair
from routerlab.bench.peers import heuristics, parent
from routerlab.bench.peers.child import answer, load
from routerlab.bench.peers.embeddings import TOP_K, nearest
from routerlab.bench.peers.kinds import PEERS
from routerlab.bench.peers.parent import Peer
from routerlab.bench.peers.protocol import PeerKind, PeerReply, PeerSetup
from routerlab.core.corpus import Corpus
from routerlab.core.errors import LabError
from routerlab.core.files.toml import load_toml
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import POOL, ROUTING60, TAXONOMY
from routerlab.settings import Settings
from tests.bench.peers import fakes

SHIPPED = load_taxonomy(TAXONOMY)
SEEN = (
    ("a regex for dates", "code/simple"),
    ("regex: ip", "code/simple"),
    ("why is the sky blue", "CoT/simple"),
    ("sky at night?", "CoT/simple"),
    ("an app with tests", "code/complex"),
)


def setup(kind: PeerKind, encoder: str = "here") -> PeerSetup:
    return PeerSetup(
        kind=kind, model=Path("none.gguf"), taxonomy=SHIPPED, n_ctx=512, threads=1, gpu_layers=0,
        encoder=encoder, examples=SEEN,
    )  # fmt: skip


def plan() -> Plan:
    return Plan(
        taxonomy=SHIPPED, cases=load_toml(ROUTING60, Corpus).case, shots=(), shots_sha256=None,
        settings=Settings(), repeats=1, seed=0, peers=(), pool=load_toml(POOL, Corpus), encoder="here",
    )  # fmt: skip


def unit(degrees: float) -> list[float]:
    return [np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]


def test_the_nearest_are_those_of_all_labels_and_the_best_mean_wins() -> None:
    # The five nearest to 0 degrees: a at 10 and 50, b at 20, 25 and 30; the farther ones of b do not count.
    rows = {10: "a", 50: "a", 20: "b", 25: "b", 30: "b", 80: "b", 85: "b", 90: "c"}
    index = np.array([unit(angle) for angle in rows], dtype=np.float32)
    query = np.array(unit(0), dtype=np.float32)
    means = {"a": (np.cos(np.radians(10)) + np.cos(np.radians(50))) / 2, "b": np.cos(np.radians(25))}
    assert TOP_K == 5
    assert means["a"] < means["b"]
    assert nearest(index, list(rows.values()), query) == "b"
    # One very near wins against four that are nearly as near: a mean does not count votes.
    lonely = {1: "c", 12: "b", 13: "b", 14: "b", 15: "b"}
    index = np.array([unit(angle) for angle in lonely], dtype=np.float32)
    assert nearest(index, list(lonely.values()), query) == "c"
    assert nearest(index[:1], ["c"], query) == "c"  # fewer than five there are


@pytest.mark.parametrize("kind", ["encoder", "neighbours"])
def test_a_peer_that_embeds_learns_from_its_examples(kind: PeerKind, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = fakes.install_encoder(monkeypatch)
    call, fit_s = load(setup(kind))
    assert fit_s > 0
    assert threads == [1]
    asked = ("regex please", "blue sky", "an app")
    assert [call(prompt).label for prompt in asked] == ["code/simple", "CoT/simple", "code/complex"]


def test_every_tier_has_a_label_and_the_table_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(heuristics.TIERS.values()) < set(SHIPPED.labels)
    assert all(f"{tier} as {label}" in PEERS["heuristics"].about for tier, label in heuristics.TIERS.items())
    fakes.install_litellm(monkeypatch)
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "")
    call, _ = load(setup("heuristics"))
    said = answer(call, "a regex")
    assert (said.label, said.answer) == ("code/simple", "MEDIUM")
    assert said.ms > 0
    assert answer(call, "stop!") == PeerReply(error="ValueError: no shouting")


def test_litellm_has_the_tiers_that_are_mapped() -> None:
    tiers = pytest.importorskip("litellm.router_strategy.complexity_router", reason="no extra peers")
    built = [tier.value for tier in tiers.ComplexityTier]
    assert set(heuristics.TIERS) <= set(built)
    call, _ = load(setup("heuristics"))
    assert call("Hello!").label == "CoT/simple"
    proof = "Think through this step by step, then prove the theorem and explain your reasoning in detail."
    assert call(proof).answer == "REASONING"


@pytest.mark.parametrize("kind", ["encoder", "neighbours"])
def test_sentence_transformers_reads_a_folder(kind: PeerKind, tmp_path: Path) -> None:
    library = pytest.importorskip("sentence_transformers", reason="no extra peers")
    transformers = pytest.importorskip("transformers")
    (tmp_path / "vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *fakes.WORDS])
    )
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.BertConfig(vocab_size=8, max_position_embeddings=16, **shape)
    transformers.BertModel(config).save_pretrained(tmp_path / "bert")
    transformers.BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path / "bert")
    library.SentenceTransformer(str(tmp_path / "bert")).save(str(tmp_path / "model"))
    call, fit_s = load(setup(kind, str(tmp_path / "model")))
    assert fit_s > 0
    assert call("regex").label in {label for _, label in SEEN}


async def test_what_is_not_installed_is_said_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "find_spec", lambda name: None)
    for kind in ("encoder", "neighbours", "heuristics"):
        peer = Peer(setup(kind))
        with pytest.raises(LabError, match=r"^not installed: pip install 'routerlab\[peers\]'$"):
            await peer.start()
        assert peer.pid is None
        await peer.stop()


def test_nobody_is_fitted_to_what_is_asked() -> None:
    asked = plan()
    prompts = {case.prompt for case in asked.cases}
    assert len(examples(asked.pool)) == len(asked.pool.case)
    assert prompts.isdisjoint(prompt for prompt, _ in examples(asked.pool))
    for kind in get_args(PeerKind):
        refuse_unfair(kind, asked)
    leaking = replace(asked, cases=(*asked.cases[:2], asked.pool.case[0]))
    for kind, about in PEERS.items():
        if about.fitted:
            with pytest.raises(LabError, match="is fitted to pool, which has 1 of the 3 cases"):
                refuse_unfair(kind, leaking)
        else:
            refuse_unfair(kind, leaking)


def test_a_peer_whose_labels_are_not_asked_for_is_left_out(tmp_path: Path) -> None:
    lines = (f'[[label]]\nname = "{name}"\nfamily = "f"\ncue = "c"\n' for name in ("ja", "nein"))
    path = tmp_path / "t.toml"
    path.write_text('schema_version = 1\nname = "two"\nversion = "1"\n' + "\n".join(lines))
    other = replace(plan(), taxonomy=load_taxonomy(path))
    for kind in ("encoder", "heuristics"):
        with pytest.raises(LabError, match=r"CoT/simple, .* are no labels of taxonomy two"):
            refuse_unfair(kind, other)
    refuse_unfair("grammar", other)


def test_peers_of_llama_cpp_decode_as_many_tokens_at_once_as_ours() -> None:
    from routerlab.bench.peers import llama
    from routerlab.engine.worker.llama import BATCH

    assert llama.BATCH == BATCH
    assert llama.label_grammar(("a", "b")) == 'root ::= "a" | "b"'
    assert json.loads(json.dumps(llama.label_schema(("a",))))["properties"] == {"label": {"enum": ["a"]}}
