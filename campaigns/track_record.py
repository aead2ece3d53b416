"""A campaign's own predictions beside what was measured since: hits, intervals, and whether that beats chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from campaigns.events import Stage
from campaigns.state import CampaignState
from campaigns.summary import Suggestion
from campaigns.targets import Observation
from screening.dataset import SpinDataset

#: Share of the compounds known before that count as slow: what is slower than all others of them is a hit.
SLOW = 0.25
#: Chance below which hits are told to beat chance.
_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Compared:
    """A compound that was suggested before it was first measured.

    Attributes:
        formula: the compound.
        round: the last round that suggested it before.
        predicted_ps, low_ps, high_ps: what that round predicted, with its 90% interval, ps.
        measured_ps: its first lifetime, or upper bound, after that, ps.
        is_bound: which of the two it is.
        slow_ps: lifetime that a quarter of what was measured until then exceeds, ps.
    """

    formula: str
    round: int
    predicted_ps: float
    low_ps: float
    high_ps: float
    measured_ps: float
    is_bound: bool
    slow_ps: float

    @property
    def is_hit(self) -> bool | None:
        """Whether it is among the slow quarter; None for a bound that leaves that open."""
        return None if self.is_bound and self.measured_ps > self.slow_ps else self.measured_ps > self.slow_ps

    @property
    def is_inside(self) -> bool:
        """Whether it lies inside its interval; a bound unless all of the interval is above it."""
        return self.low_ps <= self.measured_ps and (self.is_bound or self.measured_ps <= self.high_ps)


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """How the campaign's predictions came out.

    Attributes:
        compared: every compound that was suggested before it was measured, oldest measurement first.
        n_judged: of these known to be, or not to be, among the slowest quarter of what was measured until their
            suggestion.
        n_hits: of these among it.
        hit_rate: their share; None where none is judged.
        chance: the share that compounds taken at random from what was measured would have.
        p_chance: chance of so many hits or more by that share alone (one-sided binomial test).
        n_inside: measurements inside their own 90% interval.
        coverage: their share.
        rank_correlation: Spearman's between predicted and measured lifetimes; None for fewer than three, or equal ones.
    """

    compared: tuple[Compared, ...]
    n_judged: int
    n_hits: int
    hit_rate: float | None
    chance: float
    p_chance: float
    n_inside: int
    coverage: float
    rank_correlation: float | None

    @property
    def beats_chance(self) -> bool:
        """Whether so many hits are unlikely by chance."""
        return self.p_chance <= _LEVEL

    @property
    def sentence(self) -> str:
        """All of it in words."""
        n = len(self.compared)
        verdict = "better than chance" if self.beats_chance else "not told from chance so far"
        order = "" if self.rank_correlation is None else f"; rank correlation {self.rank_correlation:.2f}"
        return (
            f"{n} {'compound was' if n == 1 else 'compounds were'} measured after being suggested: {self.n_hits} of "
            f"{self.n_judged} among the slowest quarter of what was known before, {self.chance:.0%} by chance "
            f"(p = {self.p_chance:.2g}): {verdict}; {self.n_inside} of {n} ({self.coverage:.0%}) inside their own 90% "
            f"intervals{order}"
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        numbers = {name: value for name, value in asdict(self).items() if name != "compared"}
        rows = [{**asdict(one), "is_hit": one.is_hit, "is_inside": one.is_inside} for one in self.compared]
        return {**numbers, "beats_chance": self.beats_chance, "sentence": self.sentence, "compared": rows}


def track_record(state: CampaignState, *, include_flagged: bool = False) -> TrackRecord | None:
    """What a campaign predicted of what it suggested, beside what was measured of it then.

    Args:
        state: of the campaign; measurements that were taken back do not count.
        include_flagged: whether doubtful published rows count among what was known.

    Returns:
        None where nothing was measured yet that had been suggested.
    """
    compared = tuple(_compared(state, include_flagged=include_flagged))
    if not compared:
        return None
    judged = [one.is_hit for one in compared if one.is_hit is not None]
    n, hits, inside = len(judged), sum(judged), sum(one.is_inside for one in compared)
    tail = sum(comb(n, k) * SLOW**k * (1 - SLOW) ** (n - k) for k in range(hits, n + 1))
    rate = hits / n if n else None
    coverage = inside / len(compared)
    return TrackRecord(compared, n, hits, rate, SLOW, tail, inside, coverage, _rank_correlation(compared))


def _compared(state: CampaignState, *, include_flagged: bool) -> Iterator[Compared]:
    """The history once through: a suggestion is the last word on its compound until that is measured."""
    standing = {row.number: row.observation for row in state.record if row.retracted is None}
    suggested = ((batch.number, suggestion) for batch in state.batches for suggestion in batch.suggestions)
    known = _published(include_flagged=include_flagged)
    last = dict[str, tuple[int, Suggestion, float]]()
    seen = set[str]()
    for formula, stage, number in state.history:
        if stage is Stage.SUGGESTED:
            round_, suggestion = next(suggested)
            last[formula] = (round_, suggestion, float(np.quantile(known, 1 - SLOW)))
        elif stage is Stage.MEASURED and number in standing:
            observation = standing.pop(number)
            if formula in last and formula not in seen:
                yield _pair(observation, *last[formula])
            seen.add(formula)
            if not observation.is_bound:
                known = np.append(known, observation.value)


def _pair(observation: Observation, round_: int, suggestion: Suggestion, slow_ps: float) -> Compared:
    return Compared(
        observation.formula,
        round_,
        suggestion.lifetime_ps,
        suggestion.lifetime_low_ps,
        suggestion.lifetime_high_ps,
        observation.value,
        observation.is_bound,
        slow_ps,
    )


def _published(*, include_flagged: bool) -> NDArray[np.float64]:
    """Published lifetimes, ps."""
    data = SpinDataset.published().trainable(include_flagged)
    return data.table["lifetime_ps"].to_numpy(dtype=np.float64)[~data.censored]


def _rank_correlation(compared: tuple[Compared, ...]) -> float | None:
    numbers = [one for one in compared if not one.is_bound]
    ranks = np.array([_ranks([one.predicted_ps for one in numbers]), _ranks([one.measured_ps for one in numbers])])
    if len(numbers) < 3 or (np.ptp(ranks, axis=1) == 0).any():
        return None
    return float(np.corrcoef(ranks)[0, 1])


def _ranks(values: list[float]) -> NDArray[np.float64]:
    """Ranks from 0, equal values sharing the mean of theirs."""
    ordered = np.sort(values)
    first, last = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray((first + last - 1) / 2, dtype=np.float64)
