"""One factor on all standard deviations, so that intervals hold on rows no model had seen.

Two recalibrations are averaged (geometrically), both for the shape of `screening.calibration.shape`. The conformal
quantile makes 90% intervals hold whatever the errors' shape (normalised split conformal prediction; Lei et al., JASA
113, 1094 (2018), doi 10.1080/01621459.2017.1307116): the ceil(0.9 (k + 1))-th smallest |error| / sd over the half-width
that the shape gives to 90%. The likeliest factor looks at all errors, where the quantile looks at the largest tenth.
Few rows pull the factor towards 1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from screening.calibration.shape import FREEDOM, UNIT, half_width

__all__ = ["LEVEL", "PRIOR_ROWS", "fit_scale"]

#: The interval that the quantile makes hold.
LEVEL = 0.90
#: The factor starts as 1 with the weight of this many rows.
PRIOR_ROWS = 10.0
#: Least ratio of an error to its standard deviation that is taken at its word: perfect predictions are luck.
LEAST_RATIO = 1e-3
#: Each step of the search for the likeliest factor closes a fixed share of the gap; these close all of it.
STEPS = 100


def fit_scale(error: NDArray[np.float64], sd: NDArray[np.float64]) -> float:
    """Factor on standard deviations.

    Args:
        error: target minus out-of-fold mean, shape (k,).
        sd: predicted standard deviation of that error, shape (k,), above zero.

    Returns:
        The factor; 1.0 without rows.
    """
    k = error.size
    if k == 0:
        return 1.0
    ratio = np.sort(np.abs(error) / sd)
    rank = min(k, math.ceil(LEVEL * (k + 1)))
    quantile = max(float(ratio[rank - 1]), LEAST_RATIO) / float(half_width(LEVEL))
    likely = _likeliest(np.maximum(ratio, LEAST_RATIO))
    return float(np.sqrt(quantile * likely) ** (k / (k + PRIOR_ROWS)))


def _likeliest(ratio: NDArray[np.float64]) -> float:
    """Factor of greatest likelihood under the t distribution, by expectation and maximisation; ratio is (k,)."""
    square = float((ratio**2).mean())
    for _ in range(STEPS):
        square = float(((FREEDOM + 1.0) * ratio**2 / (FREEDOM + ratio**2 / square)).mean())
    return math.sqrt(square) / UNIT
