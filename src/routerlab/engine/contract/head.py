"""A probe's head: what a linear model makes of what a layer computed. Plain numbers, no model needed.

The features of a prompt are a few means of one layer's output (see worker/layers.py): numbers that the
forward pass computes anyway.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.engine.contract.scaling import softmax

Floats = NDArray[np.float32]

FEATURES = "answer, suffix, prompt in thirds"
"""What the features are made of: part of every key, so that a head never meets others than its own."""
ENCODER_FEATURES = "mean, first token, prompt in thirds"
"""The same for an encoder."""


@dataclass(frozen=True)
class Head:
    """softmax(weights @ features + bias), with standardisation and temperature folded in.

    `weights` is (labels, features), `bias` (labels,); `key` tells what it was fitted for (see head_key).
    """

    weights: Floats
    bias: Floats
    key: str

    def probabilities(self, features: Floats) -> NDArray[np.float64]:
        """The probability of each label in the taxonomy's order."""
        return softmax(self.weights.astype(np.float64) @ features + self.bias)


def head_key(
    model_sha256: str,
    prompt_sha256: str,
    taxonomy_sha256: str,
    layer: int,
    window: int | None,
    features: str = FEATURES,
) -> str:
    """What a head's numbers depend on, as one hash: with anything else they mean nothing."""
    return canonical_sha256(
        {
            "model": model_sha256,
            "prompt": prompt_sha256,
            "taxonomy": taxonomy_sha256,
            "features": features,
            "layer": layer,
            "window": window or 0,
        }
    )


def head_bytes(head: Head) -> bytes:
    """The head as an .npz file: the same numbers always give the same bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, weights=head.weights, bias=head.bias, key=np.array(head.key))
    return buffer.getvalue()


def load_head(path: Path, sha256: str) -> Head:
    """The head in `path`; LabError when it is missing, is not the pinned file or holds something else."""
    try:
        data = path.read_bytes()
    except OSError as e:
        raise LabError(f"{path}: the router's head cannot be read: {e.strerror}") from e
    if hashlib.sha256(data).hexdigest() != sha256:
        raise LabError(f"{path}: is not the head that the router file pins; copy both files together")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            head = Head(file["weights"], file["bias"], str(file["key"]))
    except Exception as e:  # a damaged archive raises anything
        raise LabError(f"{path}: holds no head: {e}") from e
    shapes_fit = head.weights.ndim == 2 and head.bias.shape == head.weights.shape[:1]
    if head.weights.dtype != np.float32 or head.bias.dtype != np.float32 or not shapes_fit:
        raise LabError(f"{path}: its arrays do not make a head")
    return head
