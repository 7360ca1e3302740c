"""A probe's head: what a linear model makes of what a layer computed. Plain numbers, no model needed.

The features of a prompt are a few means of one layer's output (see worker/layers.py): numbers that the
forward pass computes anyway.
"""

import hashlib
import io
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.engine.contract.scaling import label_shares

Floats = NDArray[np.float32]

FEATURES = "answer, suffix, prompt in thirds"
"""What the features are made of: part of every key, so that a head never meets others than its own."""
ENCODER_FEATURES = "mean, first token, prompt in thirds"
"""The same for an encoder."""


THIRDS = 3
PARTS = 2 + THIRDS
"""Vectors of n_embd numbers that make the features of a prompt; the last is the mean over its last third."""


@dataclass(frozen=True)
class Familiarity:
    """How far a prompt is from those that a head was fitted to, by the mean over its last third.

    The distance is the mean square of its numbers, standardised with the `mean` and `scale` (n_embd,) of
    those prompts; `distances` are theirs in ascending order, each measured without the prompt's own fold.
    """

    mean: Floats
    scale: Floats
    distances: Floats

    def distance(self, features: Floats) -> NDArray[np.float64]:
        """Of features (..., features): (...,), about 1 for a usual prompt."""
        last = features[..., -len(self.mean) :].astype(np.float64)
        return np.asarray((((last - self.mean) / self.scale) ** 2).mean(axis=-1))

    def of(self, features: Floats) -> float:
        """The share, in 0..1, of those prompts and this one that are at least as far off as this one.

        It is the conformal p-value: for a prompt like those, at most P with probability P (Vovk et al. 2005,
        "Algorithmic learning in a random world"; Bates et al. 2023, "Testing for outliers with conformal
        p-values").
        """
        n = len(self.distances)
        return float((1 + n - np.searchsorted(self.distances, self.distance(features))) / (1 + n))


FAMILIARITY = tuple(field.name for field in fields(Familiarity))


@dataclass(frozen=True)
class Head:
    """softmax(weights @ features + bias), with standardisation and temperature folded in.

    `weights` is (labels, features) and `bias` (labels,), or (kinds, labels, features) and (kinds, labels):
    then a label's probability is the sum over the kinds. `key` tells what it was fitted for (see head_key).
    `familiarity` is None in files of earlier versions.
    """

    weights: Floats
    bias: Floats
    key: str
    familiarity: Familiarity | None = None

    def probabilities(self, features: Floats) -> NDArray[np.float64]:
        """The probability of each label in the taxonomy's order."""
        logits = self.weights.astype(np.float64) @ features + self.bias
        return np.asarray(label_shares(logits[None])[0])


def head_key(
    model_sha256: str,
    prompt_sha256: str,
    taxonomy_sha256: str,
    layer: int,
    window: int | None,
    features: str = FEATURES,
    adapter_sha256: str | None = None,
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
        | ({"adapter": adapter_sha256} if adapter_sha256 else {})
    )


def head_bytes(head: Head) -> bytes:
    """The head as an .npz file: the same numbers always give the same bytes."""
    buffer = io.BytesIO()
    known = asdict(head.familiarity) if head.familiarity else {}
    np.savez(buffer, weights=head.weights, bias=head.bias, key=np.array(head.key), **known)
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
            known = Familiarity(*(file[name] for name in FAMILIARITY)) if FAMILIARITY[0] in file else None
            head = Head(file["weights"], file["bias"], str(file["key"]), known)
    except Exception as e:  # a damaged archive raises anything
        raise LabError(f"{path}: holds no head: {e}") from e
    shapes_fit = head.weights.ndim in (2, 3) and head.bias.shape == head.weights.shape[:-1]
    if head.weights.dtype != np.float32 or head.bias.dtype != np.float32 or not shapes_fit:
        raise LabError(f"{path}: its arrays do not make a head")
    if known and not _sound(known, head.weights.shape[-1]):
        raise LabError(f"{path}: its arrays do not tell how familiar a prompt is")
    return head


def _sound(known: Familiarity, n_features: int) -> bool:
    arrays = [known.mean, known.scale, known.distances]
    numbers = all(a.dtype == np.float32 and a.ndim == 1 and np.isfinite(a).all() for a in arrays)
    sizes = len(known.mean) == len(known.scale) <= n_features and len(known.mean) * len(known.distances) > 0
    return numbers and sizes and bool((known.scale > 0).all() and (np.diff(known.distances) >= 0).all())
