"""Single bad points of a trace: a glitch of the detector, a cosmic ray."""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import NDArray

from campaigns.kinetics.cautions import MAX_SIGNAL_P, OUTLIER_SIGMA, signal_p_value
from campaigns.kinetics.select import best_exponential
from campaigns.kinetics.solve import Solution

Array = NDArray[np.float64]

#: Standard deviation of Gaussian noise over its median absolute deviation, 1 / Phi^-1(3/4).
_SIGMA_PER_MAD = 1.4826
#: Leaving out a point must raise the log-likelihood ratio by this much: a point five standard deviations off gives 25.
_MIN_GAIN = 20.0
#: At most this share of the points is left out.
_MOST = 0.05


def without_outliers(plain: Solution) -> tuple[Solution, NDArray[np.int64]]:
    """The best exponential without single points that fit neither their neighbours nor the rest of the trace, and the
    positions of the points left out, shape (out,), ascending. A point is left out if it stands alone, the trace without
    it still holds a decay, and that decay misses it by more than five standard deviations. Where delays are coarser
    than the response, a point at time zero that has the sign of the signal stays: it may be all that they show of a
    fast decay."""
    problem, out = plain.problem, _isolated(plain.problem.signal)
    for _ in range(2):
        if not len(out):
            break
        kept = np.ones(len(problem.signal), dtype=bool)
        kept[out] = False
        rest = best_exponential(problem.keeping(kept))
        bad = _missed(plain, rest, out)
        if bad.all():
            gain = len(problem.signal) * log(max(plain.at.cost, 1e-300) / max(rest.at.cost, 1e-300))
            return (rest, out) if gain > _MIN_GAIN * len(out) else (plain, out[:0])
        out = out[bad]
    return plain, out[:0]


def _isolated(signal: Array) -> NDArray[np.int64]:
    """Positions of points far from the median of the four around them, where no neighbour is off to the same side."""
    padded = np.pad(signal, 2, mode="reflect")
    around = np.median(np.stack([padded[:-4], padded[1:-3], padded[3:-1], padded[4:]]), axis=0)
    off = signal - around
    scale = _SIGMA_PER_MAD * float(np.median(np.abs(off)))
    side = np.where(np.abs(off) > OUTLIER_SIGMA * scale, np.sign(off), 0.0)
    padded = np.pad(side, 1)
    alone = np.flatnonzero((side != 0.0) & (padded[:-2] != side) & (padded[2:] != side))
    most = max(1, int(_MOST * len(signal)))
    return np.sort(alone[np.argsort(-np.abs(off[alone]))[:most]])


def _missed(plain: Solution, rest: Solution, at: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the points left out the fit to the rest misses, shape of `at`."""
    problem = plain.problem
    if signal_p_value(rest) > MAX_SIGNAL_P:
        return np.zeros(len(at), dtype=bool)
    only = np.zeros(len(problem.signal), dtype=bool)
    only[at] = True
    points = problem.keeping(only)
    off = points.weighed(points.signal - rest.at.coefficients @ points.terms(rest.theta))
    noise = _SIGMA_PER_MAD * float(np.median(np.abs(rest.at.residual)))
    gap = np.diff(problem.delay_ps, prepend=problem.delay_ps[0], append=problem.delay_ps[-1])
    gap = np.maximum(gap[:-1], gap[1:])[at]
    at_zero = np.abs(points.delay_ps - rest.theta[0]) <= np.maximum(1.5 * rest.fwhm_ps, gap)
    at_zero &= (gap > 0.5 * rest.fwhm_ps) & (off * rest.at.coefficients[0] > 0.0)
    missed: NDArray[np.bool_] = (np.abs(off) > OUTLIER_SIGMA * noise) & ~at_zero
    return missed
