"""A BERT in torch is the one that the engine computes with."""

from pathlib import Path

import numpy as np
import pytest

from routerlab.core.errors import LabError
from routerlab.engine.contract.contract import own_frame
from routerlab.engine.worker import llama
from routerlab.engine.worker.inference import Predictor
from routerlab.models.placement import Placement
from routerlab.tune.adapter.bert import load_encoder, read
from routerlab.tune.adapter.train import features
from tests.engine import encoders
from tests.engine.asking import TWO

pytest.importorskip("torch")
pytest.importorskip("transformers")

WINDOW = 24
PROMPTS = ("write code", "why is the sky blue?", "", "x", "sky " * 40, "[SEP] ##ing", "naïve Straße, CODE!")


@pytest.mark.parametrize("layer", [1, 3])
def test_tokens_and_features_are_the_engines(tmp_path: Path, layer: int) -> None:
    log = llama.Log(lambda _: None)
    path = encoders.build(tmp_path / "bert.gguf", "bert")
    model = llama.Model(path, Placement(), lambda _: None, "bert")
    framing = own_frame("bert", None)
    engine = Predictor(model, framing, TWO.labels, 512, 1, lambda _: None, layers=(layer,), window=WINDOW)
    asked = read(path, PROMPTS, WINDOW)
    found = features(load_encoder(path, layer), asked)
    for prompt, own, computed in zip(PROMPTS, asked, found, strict=True):
        assert list(own.tokens) == engine._read(prompt).tokens
        assert engine.predict(prompt, lambda: False).status == "ok"
        assert engine.features is not None
        assert np.abs(computed - engine.features[0]).max() < 0.01 * np.abs(computed).max()
    assert log.error == ""


def test_what_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    path = encoders.build(tmp_path / "bert.gguf", "bert")
    with pytest.raises(LabError, match="has no layer 4; the last is 3"):
        load_encoder(path, 4)
    other = encoders.build(tmp_path / "nomic.gguf", "nomic-bert")
    with pytest.raises(LabError, match="is nomic-bert; adapters are trained for encoders of kind bert only"):
        load_encoder(other, 1)
