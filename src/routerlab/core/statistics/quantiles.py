"""Percentiles under a named convention: two of them may differ by a whole observation."""

from collections.abc import Sequence
from typing import Literal

Convention = Literal["study", "nearest-rank", "linear", "weibull", "median-unbiased"]

# Types 1, 7, 6 and 8 of R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", The American
# Statistician 50 (1996), 361-365, by numpy's names.
_NUMPY = {
    "nearest-rank": "inverted_cdf",
    "linear": "linear",
    "weibull": "weibull",
    "median-unbiased": "median_unbiased",
}


def percentile(values: Sequence[float], q: float, convention: Convention = "study") -> float | None:
    """The q-quantile (q in 0..1) of `values`, in their unit; None for no values."""
    return of_sorted(sorted(values), q, convention)


def of_sorted(ordered: Sequence[float], q: float, convention: Convention = "study") -> float | None:
    """The q-quantile of values that are in ascending order; None for no values.

    "study" is `ordered[int(q * n)]`, kept within the list: the original study's, and the lab's unless
    another is named. Of an even number of values its median is the upper of the middle two.
    """
    if not ordered:
        return None
    if convention == "study":
        return ordered[min(max(int(q * len(ordered)), 0), len(ordered) - 1)]
    import numpy as np

    return float(np.quantile(ordered, q, method=_NUMPY[convention]))  # type: ignore[call-overload]
