"""From label scores to probabilities that mean what they say: temperature, bias, label-free debiasing."""

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from routerlab.engine.contract.router import Calibration

Doubles = NDArray[np.float64]


def softmax(scores: Doubles) -> Doubles:
    """Softmax over the last axis."""
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def label_shares(logits: Doubles) -> Doubles:
    """(n, labels), of logits (n, labels) or (n, kinds, labels): a label's share is the sum over the kinds."""
    shares = softmax(logits.reshape(len(logits), -1))
    return np.asarray(shares.reshape(len(logits), -1, logits.shape[-1]).sum(axis=1))


def log_shares(scores: Doubles) -> Doubles:
    """Log softmax over the last axis: label log-likelihoods as if the labels were all that can be said."""
    top = scores.max(axis=-1, keepdims=True)
    return np.asarray(scores - top - np.log(np.exp(scores - top).sum(axis=-1, keepdims=True)))


class Calibrator:
    """Applies a calibration; with `recent` it remembers the latest scores, the current ones too."""

    def __init__(self, calibration: Calibration | None = None, labels: Sequence[str] = ()) -> None:
        calibration = calibration or Calibration()
        self._temperature = calibration.temperature
        self._bias = np.array([calibration.bias.get(label, 0.0) for label in labels] or [0.0])
        self._recent = deque[Doubles](maxlen=calibration.recent) if calibration.recent else None

    def probabilities(self, scores: Doubles) -> Doubles:
        """softmax(log p / temperature + bias); under `recent` the mean log p is taken off first."""
        logs = log_shares(scores)
        if self._recent is not None:
            self._recent.append(logs)
            logs = logs - np.mean(self._recent, axis=0)
        return softmax(logs / self._temperature + self._bias)
