"""Packages of the extra `peers` as far as a peer uses them, for a suite that runs without: our side only."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

LITELLM = """
class ComplexityRouter:
    def __init__(self, model_name, ctx):
        import os
        assert os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"

    def classify(self, prompt):
        if "!" in prompt:
            raise ValueError("no\\n  shouting")
        return type("Tier", (), {"value": "MEDIUM" if "regex" in prompt else "SIMPLE"}), 0.1, []
"""


def write_litellm(folder: Path) -> None:
    """A package in the folder that knows a regex from a question."""
    package = folder / "litellm" / "router_strategy"
    package.mkdir(parents=True)
    (package / "complexity_router.py").write_text(LITELLM)


def install_litellm(patch: pytest.MonkeyPatch) -> None:
    """The same for this process."""
    names = ("litellm", "litellm.router_strategy", "litellm.router_strategy.complexity_router")
    for name in names:
        patch.setitem(sys.modules, name, ModuleType(name))
    exec(LITELLM, vars(sys.modules[names[-1]]))


WORDS = ("regex", "sky", "app")


class Encoder:
    """A prompt is which of the `WORDS` it has, and a little of something else."""

    def __init__(self, name: str) -> None:
        self.name = name

    def encode(
        self, prompts: list[str], normalize_embeddings: bool = False, show_progress_bar: bool = True
    ) -> NDArray[np.float32]:
        assert not show_progress_bar
        rows = np.array([[*(float(word in p) for word in WORDS), 0.1] for p in prompts], dtype=np.float32)
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / length if normalize_embeddings else rows)


def install_encoder(patch: pytest.MonkeyPatch) -> list[int]:
    """sentence-transformers and torch for this process; returns the numbers of threads that were set."""
    threads: list[int] = []
    library, torch = ModuleType("sentence_transformers"), ModuleType("torch")
    patch.setattr(library, "SentenceTransformer", Encoder, raising=False)
    patch.setattr(torch, "set_num_threads", threads.append, raising=False)
    patch.setattr(torch, "Tensor", type("Tensor", (), {}), raising=False)  # scipy asks for it
    patch.setitem(sys.modules, "sentence_transformers", library)
    patch.setitem(sys.modules, "torch", torch)
    return threads
