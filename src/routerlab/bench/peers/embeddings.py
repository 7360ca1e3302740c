"""Peers that embed a prompt with sentence-transformers and look at examples: a classifier, and the nearest.

semantic-router's own package cannot be installed beside the lab (it wants openai < 3), so its method is here
in a few lines, with the defaults of its 1.1: cosine, the `TOP_K` nearest utterances of all routes, the mean
within each route, and no threshold. A route is a label, its utterances the prompts of that label.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from routerlab.bench.peers.protocol import Call, PeerReply, PeerSetup

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

TOP_K = 5


def load(setup: PeerSetup) -> tuple[Call, float]:
    """The peer, and the seconds that its examples took."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(setup.threads)
    model = SentenceTransformer(setup.encoder)
    start = time.perf_counter()
    prompts, labels = zip(*setup.examples, strict=True)
    call = (_classifier if setup.kind == "encoder" else _neighbours)(model, prompts, labels)
    return call, time.perf_counter() - start


def _classifier(model: Any, prompts: Sequence[str], labels: Sequence[str]) -> Call:
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(max_iter=1000)
    classifier.fit(model.encode(prompts, show_progress_bar=False), labels)

    def call(prompt: str) -> PeerReply:
        return PeerReply(label=str(classifier.predict(model.encode([prompt], show_progress_bar=False))[0]))

    return call


def _neighbours(model: Any, prompts: Sequence[str], labels: Sequence[str]) -> Call:
    def embed(texts: Sequence[str]) -> "Floats":
        found: Floats = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        return found

    index = embed(prompts)
    return lambda prompt: PeerReply(label=nearest(index, labels, embed([prompt])[0]))


def nearest(index: "Floats", labels: Sequence[str], vector: "Floats") -> str:
    """The label whose share of the `TOP_K` nearest rows has the best mean cosine; a label without any counts
    as 0. `index` is (n, d) with a label a row; all vectors have length 1."""
    cosines = index @ vector
    hits: dict[str, list[float]] = {label: [] for label in labels}
    for i in cosines.argsort()[-TOP_K:]:
        hits[labels[i]].append(float(cosines[i]))
    return max(hits, key=lambda label: sum(hits[label]) / len(hits[label]) if hits[label] else 0.0)
