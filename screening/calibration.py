"""What an interval is: the shape of a predictive distribution, its recalibration from out-of-fold errors, and how the
numbers of a score card and of a ranking are shown.

Every interval that is shown is central, of Student's t with `FREEDOM` degrees of freedom around a recalibrated
standard deviation: 90% take 1.507 standard deviations on either side. `normal_half_width` (1.645) is for raw
deviations scored beside recalibrated ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BRIEF_SCORES",
    "LEVEL",
    "LIKELY_SLOW",
    "PROPERTY_SCORES",
    "SCORES",
    "TEACHES_MOST",
    "ScoreWords",
    "chance_below",
    "crps",
    "fit_scale",
    "half_width",
    "interval",
    "log_density",
    "normal_half_width",
    "teaches_most",
]

#: The interval that is shown, and that the recalibration makes hold.
LEVEL = 0.90
#: Degrees of freedom, for which distribution and quantiles have closed forms; scipy.special takes 0.2 CPU s to load.
FREEDOM = 4.0
#: Scale of the t distribution whose standard deviation is 1.
UNIT = math.sqrt((FREEDOM - 2.0) / FREEDOM)


def half_width(level: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviations on either side of the mean that the central interval of a level (0 to 1) takes; its shape."""
    root = np.sqrt(1.0 - np.square(level))  # Shaw, J. Comput. Finance 9, 37 (2006), doi 10.21314/JCF.2006.150
    return np.asarray(UNIT * 2.0 * np.sqrt(np.cos(np.arccos(root) / 3.0) / root - 1.0), dtype=np.float64)


def interval(
    mean: NDArray[np.float64], sd: NDArray[np.float64], level: float = LEVEL
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of the central interval of a level (0 to 1) around means, shapes (m,).

    Example:
        >>> import numpy as np
        >>> from screening.calibration import interval
        >>> low, high = interval(np.array([0.0]), np.array([1.0]))
        >>> round(float(high[0]), 3)
        1.507
    """
    reach = half_width(level) * sd
    return mean - reach, mean + reach


def normal_half_width(level: float = LEVEL) -> float:
    """Half-width of a level (0 to 1) in standard deviations of a normal distribution that nothing has recalibrated."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(0.5 * (1.0 + level))


def chance_below(value: float, mean: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chance that what is predicted by mean and sd, shapes (m,), lies below a value, shape (m,); the distribution is
    that of the intervals."""
    return _below((value - mean) / (UNIT * sd))


def _below(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chance that Student's t lies below t, same shape, to the last digits in either tail."""
    away = np.hypot(t, 2.0)
    near = 4.0 / (away * (away + np.abs(t)))  # 1 - |t| / away
    tail = 0.25 * near**2 * (3.0 - near)
    return np.asarray(np.where(t < 0.0, tail, 1.0 - tail), dtype=np.float64)


def log_density(error: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of the predictive density of each error, nats; shapes (k,)."""
    scale = UNIT * sd
    return np.asarray(np.log(0.375 / scale) - 2.5 * np.log1p((error / scale) ** 2 / FREEDOM), dtype=np.float64)


def crps(error: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Continuous ranked probability score of each prediction, units of the error; shapes (k,).

    Closed form for Student's t: Jordan, Krueger and Lerch, J. Stat. Softw. 90, 12 (2019), doi 10.18637/jss.v090.i12.
    """
    scale = UNIT * sd
    z = error / scale
    density = np.exp(log_density(z, np.full_like(z, 1.0 / UNIT)))
    spread = z * (2.0 * _below(z) - 1.0) + 2.0 * density * (FREEDOM + z**2) / (FREEDOM - 1.0)
    return np.asarray(scale * (spread - 15.0 / 64.0 * math.pi), dtype=np.float64)


#: The factor starts as 1 with the weight of this many rows.
PRIOR_ROWS = 10.0
#: Least ratio of an error to its standard deviation that is taken at its word: perfect predictions are luck.
LEAST_RATIO = 1e-3
#: Each step of the search for the likeliest factor closes a fixed share of the gap; these close all of it.
STEPS = 100


def fit_scale(error: NDArray[np.float64], sd: NDArray[np.float64]) -> float:
    """Factor on the predicted standard deviations (k,), above zero, of errors (k,) out of fold; 1 without rows."""
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
    own = ratio**2
    before, square = 0.0, float(own.mean())
    for _ in range(STEPS):
        if square == before:
            break
        before, square = square, float(((FREEDOM + 1.0) * own / (FREEDOM + own / square)).mean())
    return math.sqrt(square) / UNIT


#: What a ranked compound is good for.
LIKELY_SLOW, TEACHES_MOST = "likely slow", "teaches most"


@dataclass(frozen=True)
class ScoreWords:
    """How one number of a score card is shown."""

    key: str  #: of the number
    title: str  #: heading on a page
    short: str  #: heading on a command line
    form: str  #: format
    brief: bool = True  #: whether short tables show it too

    def show(self, scores: Mapping[str, Any]) -> str:
        """The number in its format; a dash where it is undefined."""
        value = scores.get(self.key)
        return "–" if value is None else self.form.format(value)


#: The numbers of a score card that are shown, in order.
SCORES = (
    ScoreWords("r2_log", "R² of log10 rate", "R² log rate", "{:.2f}"),
    ScoreWords("r2_rate", "R² of rate", "R² rate", "{:.2f}"),
    ScoreWords("mae_log", "mean abs. error (log10)", "MAE log", "{:.2f}"),
    ScoreWords("spearman", "Spearman", "Spearman", "{:.2f}"),
    ScoreWords("coverage_50", "inside 50%", "in 50%", "{:.0%}", brief=False),
    ScoreWords("coverage_90", "inside 90%", "in 90%", "{:.0%}"),
    ScoreWords("nlpd", "NLPD", "NLPD", "{:.2f}"),
    ScoreWords("crps", "CRPS", "CRPS", "{:.2f}", brief=False),
)
#: Those of the short tables.
BRIEF_SCORES = tuple(words for words in SCORES if words.brief)
#: The same of a further measured property, in its own unit.
PROPERTY_SCORES = (
    ScoreWords("r2_log", "R²", "R²", "{:.2f}"),
    ScoreWords("mae_log", "mean abs. error", "MAE", "{:.3g}"),
    ScoreWords("spearman", "Spearman", "Spearman", "{:.2f}"),
    ScoreWords("coverage_90", "inside 90%", "in 90%", "{:.0%}"),
)


def teaches_most(mean: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a compound's place by uncertainty is higher than its place by predicted rate, shapes (m,)."""
    slow, open_ = (np.searchsorted(np.sort(values), values) for values in (mean, -sd))
    teaches: NDArray[np.bool_] = slow > open_
    return teaches
