"""Which acquisition a surrogate has earned: one that fails its own checks may only explore, and the reason is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log, pi, sqrt
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr, ndtr

from screening.errors import RankingError

__all__ = [
    "ACQUISITIONS",
    "AIMED_ACQUISITIONS",
    "BATCH_ACQUISITIONS",
    "Acquisition",
    "Wish",
    "get_acquisition",
    "log_desirability",
    "log_expected_improvement",
    "log_probability_of_improvement",
]


_HALF_LOG_2PI = 0.5 * log(2.0 * pi)
_HALF_LOG_HALF_PI = 0.5 * log(pi / 2.0)
#: Below this u the difference 1 - sqrt(pi/2) |u| erfcx(|u|/sqrt 2) has lost its digits; its limit 1/u^2 takes over.
_ASYMPTOTIC = -1.0e5
_SMALLEST_SD = 1.0e-12

Array = NDArray[np.float64]


def log_expected_improvement(mean: Array, sd: Array, best: float | Array) -> Array:
    """Logarithm of the expected amount by which each candidate falls below the best value so far.

    log EI = log sd + log(phi(u) + u Phi(u)),  u = (best - mean) / sd

    Finite and with a useful slope where EI itself underflows to zero, so far candidates still have an order.

    Args:
        mean: predicted mean, shape (m,) or any shape that broadcasts.
        sd: predicted standard deviation, same shape; zero is treated as 1e-12.
        best: the lowest value so far, in the units of `mean`.

    Returns:
        log EI, shape (m,).

    Source: Ament et al., Advances in Neural Information Processing Systems 36 (2023), arXiv 2310.20708, section 4.1.
    """
    spread = np.maximum(np.asarray(sd, dtype=np.float64), _SMALLEST_SD)
    value: Array = np.log(spread) + _log_h((best - np.asarray(mean, dtype=np.float64)) / spread)
    return value


def log_probability_of_improvement(mean: Array, sd: Array, best: float | Array) -> Array:
    """Logarithm of the probability that a candidate falls below `best`, shape (m,): log Phi((best - mean) / sd).

    Source: Kushner, J. Basic Eng. 86, 97 (1964), doi 10.1115/1.3653121.
    """
    value: Array = log_ndtr((best - np.asarray(mean)) / np.maximum(sd, _SMALLEST_SD))
    return value


def negative_lower_confidence_bound(mean: Array, sd: Array, beta: float = 4.0) -> Array:
    """Minus the optimistic bound mean - sqrt(beta) sd, shape (m,): the lower the bound the higher the value.

    Args:
        beta: squared number of standard deviations; 4 is two of them.

    Source: Srinivas et al., ICML (2010), arXiv 0912.3995.
    """
    value: Array = np.sqrt(beta) * np.asarray(sd) - np.asarray(mean)
    return value


def _log_h(u: Array) -> Array:
    """log(phi(u) + u Phi(u)) without cancellation, in three ranges of u."""
    u = np.asarray(u, dtype=np.float64)
    result = np.empty_like(u)
    near = u > -1.0
    result[near] = np.log(np.exp(-0.5 * u[near] ** 2 - _HALF_LOG_2PI) + u[near] * ndtr(u[near]))
    far = u <= _ASYMPTOTIC
    result[far] = -0.5 * u[far] ** 2 - _HALF_LOG_2PI - 2.0 * np.log(-u[far])
    middle = ~(near | far)
    a = -u[middle]
    # phi(a) (1 - sqrt(pi/2) a erfcx(a / sqrt 2)); the bracket equals Mills' ratio's remainder, > 0 here.
    tail = np.exp(_HALF_LOG_HALF_PI) * a * erfcx(a / sqrt(2.0))
    result[middle] = -0.5 * a**2 - _HALF_LOG_2PI + np.log1p(-np.minimum(tail, 1.0 - 1e-16))
    return result


#: A wish that is not met at all leaves this share of the whole, so that candidates failing it still have an order.
_FLOOR = 1.0e-6


@dataclass(frozen=True, slots=True)
class Wish:
    """One wish: the value of `column` that is useless (0) and the value that is perfect (1), linear between.

    `useless` above `perfect` asks for small values. `weight` is its exponent.
    """

    column: str
    useless: float
    perfect: float
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not np.isfinite([self.useless, self.perfect]).all() or self.useless == self.perfect:
            raise RankingError(f"wish on {self.column!r}: useless and perfect must be two different finite numbers")
        if not self.weight > 0.0:
            raise RankingError(f"wish on {self.column!r}: its weight is {self.weight}; give one greater than 0")


def log_desirability(values: Mapping[str, Array], wishes: Sequence[Wish]) -> Array:
    """Logarithm of the weighted geometric mean of how far each wish is met, shape (m,); -inf where a value is NaN.

    Source: Derringer and Suich, J. Qual. Technol. 12, 214 (1980), doi 10.1080/00224065.1980.11980968; the weights,
    Derringer, Qual. Prog. 27 (6), 51 (1994).

    Raises:
        RankingError: without wishes, or for a column that is not there.
    """
    if not wishes:
        raise RankingError("no wishes: name at least one column to be desired")
    missing = [wish.column for wish in wishes if wish.column not in values]
    if missing:
        raise RankingError(f"no column {missing[0]!r} to wish for; there are {', '.join(values)}")
    total = sum(wish.weight for wish in wishes)
    result = np.zeros(len(values[wishes[0].column]))
    for wish in wishes:
        met = np.clip((np.asarray(values[wish.column]) - wish.useless) / (wish.perfect - wish.useless), _FLOOR, 1.0)
        result = result + wish.weight / total * np.log(met)
    return np.where(np.isnan(result), -np.inf, result)


@dataclass(frozen=True, slots=True)
class Acquisition:
    """One acquisition on arrays; call it with mean (m,), sd (m,) of the latent target and the best value so far.

    Attributes:
        name: the word to ask for it by.
        words: what it looks for, for reports.
        logarithmic: values are logarithms, so log P(forms) adds to them as a product; on the other ones it acts as a
            penalty in the target's unit.
        function: (mean, sd, best) -> values.
        rises_with_sd: whether, at a given mean, a larger standard deviation never lowers the value: then a bound of the
            one is a bound of the other, and a pass over a space may leave out what cannot reach the top.
    """

    name: str
    words: str
    logarithmic: bool
    function: Callable[[Array, Array, float], Array]
    rises_with_sd: bool = False

    def __call__(self, mean: Array, sd: Array, best: float) -> Array:
        return self.function(mean, sd, best)


def _greedy(mean: Array, sd: Array, best: float) -> Array:
    return -mean


def _max_variance(mean: Array, sd: Array, best: float) -> Array:
    value: Array = 2.0 * np.log(np.maximum(sd, 1e-12))
    return value


def _lower_confidence_bound(mean: Array, sd: Array, best: float) -> Array:
    return negative_lower_confidence_bound(mean, sd)


#: Names of acquisitions that are no function of mean and spread of the rate.
HYPERVOLUME, RANDOM = "qlog_nehvi", "random"
_ALL = (
    Acquisition("log_ei", "largest expected improvement on the best so far", True, log_expected_improvement, True),
    Acquisition("log_pi", "most likely to beat the best so far", True, log_probability_of_improvement),
    Acquisition("lcb", "lowest optimistic bound, two standard deviations", False, _lower_confidence_bound, True),
    Acquisition("greedy", "lowest predicted value, whatever its uncertainty", False, _greedy, True),
    Acquisition("max_variance", "largest uncertainty, whatever its prediction", True, _max_variance, True),
)
#: Every acquisition of the streamed pass by name.
ACQUISITIONS = {item.name: item for item in _ALL}
#: Every acquisition a batch can be chosen by, and the one that finds its shortlist in the streamed pass.
BATCH_ACQUISITIONS = {
    **{name: name for name in ACQUISITIONS},
    "qlog_nei": "log_ei",
    "qnipv": "max_variance",
    "thompson": "lcb",
}
#: What more than mean and spread of the rate decides, in words: passes and batches by an aim or a lot of their own
#: (`screening.ranking.Tradeoff`, `screening.ranking.Lot`).
AIMED_ACQUISITIONS = {
    HYPERVOLUME: "largest expected growth of the volume that the best compromises of the properties dominate",
    RANDOM: "drawn at random, whatever is predicted",
}


def pass_of(name: str) -> Acquisition:
    """The acquisition of the streamed pass behind one of `BATCH_ACQUISITIONS`; of `AIMED_ACQUISITIONS` the one that
    stands in the acquisition's place where something asks for it beside the aim.

    Raises:
        RankingError: for a name that is not known; the message lists those that are.
    """
    behind = {**BATCH_ACQUISITIONS, **dict.fromkeys(AIMED_ACQUISITIONS, "log_ei")}
    if name not in behind:
        raise RankingError(f"unknown acquisition {name!r}; known: {', '.join(behind)}")
    return ACQUISITIONS[behind[name]]


def get_acquisition(name: str) -> Acquisition:
    """The acquisition of a name.

    Raises:
        RankingError: for a name that is not known; the message lists those that are.
    """
    try:
        return ACQUISITIONS[name]
    except KeyError:
        raise RankingError(f"unknown acquisition {name!r}; known: {', '.join(ACQUISITIONS)}") from None


#: Distance of the measured coverage of the 90% interval from 0.9 beyond which a surrogate's spread is not trusted. With
#: 50 rows the standard error of a coverage of 0.9 is 0.042, so this is about 2.5 of them.
_COVERAGE_SLACK = 0.10
#: Rank correlation of prediction and outcome below which nothing is known about which compound is better.
_WEAK_SPEARMAN = 0.2
#: Above both, the prediction itself may be followed.
_STRONG_R2 = 0.6


class OutOfFold(Protocol):
    """What is read of a score card; every number is out of fold."""

    @property
    def r2_log(self) -> float:
        """R2 on log10 rate."""
        ...

    @property
    def spearman(self) -> float:
        """Rank correlation of prediction and outcome."""
        ...

    @property
    def coverage_90(self) -> float:
        """Share of outcomes inside their 90% interval."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """An acquisition's name and why it was chosen."""

    acquisition: str
    reason: str


def choose_acquisition(card: OutOfFold) -> Choice:
    """Choose by the surrogate's own out-of-fold score card.

    Surrogates whose intervals are wrong or whose order is blind explore (maximum variance). The others use log expected
    improvement, which turns from balancing to exploiting by itself as the spread shrinks; the reason says which it is.
    """
    coverage = f"its 90% intervals hold {card.coverage_90:.0%} of the left-out outcomes"
    order = f"rank correlation {card.spearman:.2f}, R2 {card.r2_log:.2f} out of fold"
    if not abs(card.coverage_90 - 0.9) <= _COVERAGE_SLACK:
        return Choice("max_variance", f"explore: the surrogate fails its calibration check, {coverage}")
    if not card.spearman >= _WEAK_SPEARMAN:
        return Choice("max_variance", f"explore: the surrogate cannot tell good from bad yet ({order})")
    if card.r2_log >= _STRONG_R2:
        return Choice("log_ei", f"exploit: the surrogate is good and calibrated ({order}; {coverage})")
    return Choice("log_ei", f"balance: the surrogate is calibrated but weak ({order}; {coverage})")
