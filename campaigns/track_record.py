"""A campaign's own predictions beside what was measured since: hits, intervals, and whether that beats chance."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb

import numpy as np
from numpy.typing import NDArray

from campaigns.events import Stage
from campaigns.state import CampaignState
from campaigns.summary import Compared, Suggestion, TrackRecord
from campaigns.targets import Observation
from screening.dataset import SpinDataset

#: Share of the compounds known before that count as slow: what is slower than all others of them is a hit.
SLOW = 0.25
#: Chance below which hits are told to beat chance.
_LEVEL = 0.05


def track_record(state: CampaignState, *, include_flagged: bool = False) -> TrackRecord | None:
    """What a campaign predicted of what it suggested, beside what was measured of it then and not taken back; None
    before. `include_flagged`: whether doubtful published rows count among what was known."""
    compared = tuple(_compared(state, include_flagged=include_flagged)) if state.batches and state.measurements else ()
    if not compared:
        return None
    judged = [one.is_hit for one in compared if one.is_hit is not None]
    n, hits, inside = len(judged), sum(judged), sum(one.is_inside for one in compared)
    tail = sum(comb(n, k) * SLOW**k * (1 - SLOW) ** (n - k) for k in range(hits, n + 1))
    record = TrackRecord(
        sentence="",
        n_judged=n,
        n_hits=hits,
        hit_rate=hits / n if n else None,
        chance=SLOW,
        p_chance=tail,
        beats_chance=tail <= _LEVEL,
        n_inside=inside,
        coverage=inside / len(compared),
        rank_correlation=_rank_correlation(compared),
        compared=compared,
    )
    return record.model_copy(update={"sentence": _sentence(record)})


def _sentence(record: TrackRecord) -> str:
    n = len(record.compared)
    verdict = "better than chance" if record.beats_chance else "not told from chance so far"
    order = "" if record.rank_correlation is None else f"; rank correlation {record.rank_correlation:.2f}"
    return (
        f"{n} {'compound was' if n == 1 else 'compounds were'} measured after being suggested: {record.n_hits} of "
        f"{record.n_judged} among the slowest quarter of what was known before, {record.chance:.0%} by chance "
        f"(p = {record.p_chance:.2g}): {verdict}; {record.n_inside} of {n} ({record.coverage:.0%}) inside their own "
        f"90% intervals{order}"
    )


def _compared(state: CampaignState, *, include_flagged: bool) -> Iterator[Compared]:
    """The history once through: a suggestion is the last word on its compound until that is measured."""
    standing = {row.number: row.observation for row in state.record if row.retracted is None}
    suggested = ((batch.number, suggestion) for batch in state.batches for suggestion in batch.suggestions)
    data = SpinDataset.published().trainable(include_flagged)
    known = data.table["lifetime_ps"].to_numpy(dtype=np.float64)[~data.censored]
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
    measured, is_bound = observation.value, observation.is_bound
    low, high = suggestion.lifetime_low_ps, suggestion.lifetime_high_ps
    return Compared(
        formula=observation.formula,
        round=round_,
        predicted_ps=suggestion.lifetime_ps,
        low_ps=low,
        high_ps=high,
        measured_ps=measured,
        is_bound=is_bound,
        slow_ps=slow_ps,
        is_hit=None if is_bound and measured > slow_ps else measured > slow_ps,
        is_inside=low <= measured and (is_bound or measured <= high),
    )


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
