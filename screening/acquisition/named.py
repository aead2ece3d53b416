"""Acquisitions by name, for the streamed pass: each takes (mean, sd, best) and returns values to be maximised.

Batches and acquisitions that need joint posteriors are in `screening.acquisition.joint`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screening.acquisition.analytic import (
    log_expected_improvement,
    log_probability_of_improvement,
    negative_lower_confidence_bound,
)
from screening.errors import RankingError

__all__ = [
    "ACQUISITIONS",
    "AIMED_ACQUISITIONS",
    "BATCH_ACQUISITIONS",
    "HYPERVOLUME",
    "RANDOM",
    "Acquisition",
    "get_acquisition",
    "pass_of",
]

Array = NDArray[np.float64]


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
