"""Advice on when to stop: what is left to gain, what could still be missed, and whether the ranking has settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screening.errors import RankingError
from screening.strategies.acquisitions import log_expected_improvement

Array = NDArray[np.float64]
#: Replicates of one material in the reference data differ by 0.05 to 0.19 in log10 rate: a smaller gain cannot be told
#: from scatter (doi 10.1039/d5sc07406a, the five materials measured twice).
_WORTHWHILE = 0.05
#: Share of the top list that must be the same as in the round before for it to count as settled.
_SETTLED = 0.8
#: The top list: this share of the compounds that are left, and at most so many. Of 30 compounds the 20 best would agree
#: by themselves.
_TOP_SHARE, _TOP_MOST = 0.1, 20


def top_size(n_left: int) -> int:
    """Length of the top list that rounds are compared by, where `n_left` compounds can still be suggested."""
    return max(1, min(_TOP_MOST, int(_TOP_SHARE * n_left)))


@dataclass(frozen=True)
class StopAdvice:
    """Advice, never an order: whether every sign points to stopping, the largest expected improvement of any candidate
    and how far the best one could still be below the best so far (two standard deviations, 0 where none could; log10
    rate), the share of the top list shared with the round before (NaN in the first), and a line on each."""

    stop: bool
    expected_gain: float
    regret_bound: float
    agreement: float
    reasons: tuple[str, ...]


def advise_stopping(
    mean: Array,
    sd: Array,
    best_observed: float,
    top: Sequence[object],
    previous_top: Sequence[object] | None = None,
    worthwhile: float = _WORTHWHILE,
) -> StopAdvice:
    """Advise on stopping a campaign by the latent prediction (mean, sd, shapes (m,)) of at least the best ranked
    candidates left, the lowest target so far, and the top lists of now and of a round ago, that as long or longer.

    Stop when the expected gain and the regret bound are both below what is worthwhile, or when the expected gain is
    below a tenth of it and the top list has settled. The bound is that of Makarova et al., AutoML (2022), arXiv
    2104.08166, with the best observed value for its upper confidence limit. A `RankingError` without candidates, or for
    a `worthwhile` that is not above 0.
    """
    if not len(mean) or len(mean) != len(sd):
        raise RankingError(f"{len(mean)} means and {len(sd)} standard deviations: one of each a candidate is needed")
    if not worthwhile > 0.0:
        raise RankingError(f"worthwhile is {worthwhile}: give the smallest improvement worth an experiment, above 0")
    gain = float(np.exp(log_expected_improvement(mean, sd, best_observed).max()))
    bound = max(0.0, float(best_observed - (mean - 2.0 * sd).min()))
    agreement = _agreement(top, previous_top)
    settled = bool(agreement >= _SETTLED)
    stop = gain < worthwhile and (bound < worthwhile or (gain < 0.1 * worthwhile and settled))
    return StopAdvice(stop, gain, bound, agreement, tuple(_reasons(gain, bound, agreement, settled, worthwhile)))


def _longer(gain: float) -> str:
    """A gain in log10 units as a share, from a doubling on as a factor more."""
    more = 10.0 ** min(gain, 9.0) - 1.0
    return f"{more:.2g} times" if more >= 0.995 else f"{100.0 * more:.2g}%"


def _agreement(top: Sequence[object], previous: Sequence[object] | None) -> float:
    if not previous or not top:
        return float("nan")
    size = min(len(top), len(previous))
    return len(set(top[:size]) & set(previous[:size])) / size


def _reasons(gain: float, bound: float, agreement: float, settled: bool, worthwhile: float) -> list[str]:
    left = "more" if gain >= worthwhile else "less"
    could = "could still be" if bound >= worthwhile else "can hardly be"
    lines = [
        f"the next experiment is expected to lengthen the best lifetime by {_longer(gain)}, {left} than the "
        f"{_longer(worthwhile)} that make it worthwhile",
        f"the best compound left {could} worth it: at most {_longer(bound)} longer than the best so far (two standard "
        "deviations)",
    ]
    if np.isnan(agreement):
        return [*lines, "there is no earlier round to compare the top list with"]
    word = "has settled" if settled else "still moves"
    return [*lines, f"the top list {word}: {agreement:.0%} of it was there a round ago"]
