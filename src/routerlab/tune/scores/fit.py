"""Calibrating the `score` contract: temperature and per-label bias on labelled cases, debiasing without."""

from collections.abc import Sequence

import numpy as np

from routerlab.core.statistics.calibration import log_loss
from routerlab.engine.contract.scaling import softmax
from routerlab.tune.cases import Ints, Split
from routerlab.tune.fit import Doubles

PENALTY = 1e-2
"""On the squared biases and log temperature: keeps them finite where few cases tell them."""


def fit_scores(logs: Doubles, gold: Ints) -> tuple[float, Doubles]:
    """(temperature, bias of each label) for softmax(logs / temperature + bias), by penalised likelihood."""
    from scipy.optimize import minimize

    def loss(x: Doubles) -> float:
        shares = softmax(logs / np.exp(x[0]) + x[1:])
        return log_loss(shares, gold) + PENALTY * float(x @ x) / 2

    found = minimize(loss, np.zeros(1 + logs.shape[1]), method="L-BFGS-B")
    return float(np.exp(found.x[0])), np.asarray(found.x[1:])


def cross_validated(logs: Doubles, gold: Ints, folds: Sequence[Split]) -> Doubles:
    """Shares of every row under a calibration that was not fitted to it."""
    shares = np.zeros_like(logs)
    for fitted, tested in folds:
        t, bias = fit_scores(logs[fitted], gold[fitted])
        shares[tested] = softmax(logs[tested] / t + bias)
    return shares


def debiased(logs: Doubles) -> Doubles:
    """Shares after each label's mean log p over all rows is taken off: no gold label is used."""
    return softmax(logs - logs.mean(axis=0))
