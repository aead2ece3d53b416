"""Batches that teach and win: chosen one after the other by a strategy, given what is pending, within limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from screening.calibration import TEACHES_MOST
from screening.devices import check_seed, map_blocks, training_threads
from screening.errors import BatchError
from screening.ranking.rank import Ranking
from screening.strategies import Acquisition, Chosen, LogExpectedImprovement, Shortlist, Strategy
from screening.strategies.acquisitions import SharedMoments
from screening.strategies.strategy import no_rows

__all__ = ["BatchLimits", "BatchQuery", "teaching_places"]

Array = NDArray[np.float64]
#: Candidates that compete in a refit beside the batch itself.
RIVALS = 100
#: Candidates whose gains beside others are worked out first, and what quasi-random samples seldom raise a logarithm by:
#: at most 0.10 in 112 choices from the demo; in 24 random pools batches of eight are those of trying every candidate.
_FIRST, _SAMPLED_GAIN = 16, 0.2


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Limits of one batch; None means unlimited."""

    max_per_spacer: int | None = None  #: compounds of one spacer in the batch
    #: Smallest distance between two chosen compounds, and between a chosen and a pending one; root mean square over the
    #: features of the difference in standard deviations of the ranked candidates.
    min_distance: float | None = None
    max_cost: float | None = None  #: money for the whole batch, in the unit of `cost`
    max_days: float | None = None  #: longest lead time of any member, in days

    def __post_init__(self) -> None:
        if self.max_per_spacer is not None and self.max_per_spacer < 1:
            raise BatchError(f"max_per_spacer is {self.max_per_spacer}; at least 1 lets a batch be chosen")
        for name in ("min_distance", "max_cost", "max_days"):
            value = getattr(self, name)
            if value is not None and not value >= 0.0:
                raise BatchError(f"{name} is {value}; it is a number of 0 or more")


@dataclass(frozen=True, eq=False)
class BatchQuery:
    """What a batch is to be."""

    q: int = 5  #: its size
    seed: int = 42  #: of the quasi-random samples
    strategy: Strategy = field(default_factory=LogExpectedImprovement)  #: what it is chosen by, that of the ranking
    limits: BatchLimits = BatchLimits()  #: what it may not exceed
    shortlist: int = 1000  #: so many rows of the ranking compete
    pending: Array | None = None  #: features of compounds whose results are awaited, shape (p, d); None for none
    #: The strategy's `pending_names` of the same compounds, one row each; None where it has none.
    pending_columns: pd.DataFrame | None = None
    #: Features of what is measured, shape (k, d), for strategies that ask for them ("qlog_nei").
    observed: Array | None = None
    cost: Array | None = None  #: money a candidate, shape (m,) like the ranking or its head; NaN unknown
    days: Array | None = None  #: lead time a candidate, shape as of cost
    barred: NDArray[np.bool_] | None = None  #: candidates that may not be chosen (a hazard, say), shape as of cost
    #: So many of the batch teach most, the others are likely slow; where a kind has none left that fits, the other one
    #: takes its places. None leaves the kinds to the strategy.
    teaching: int | None = None

    def pending_x(self, d: int) -> Array:
        """Features of what is pending, shape (p, d); a `BatchError` if they have another number of columns."""
        if self.pending is None:
            return np.empty((0, d))
        points = np.atleast_2d(np.asarray(self.pending, dtype=np.float64))
        if points.size and points.shape[1] != d:
            raise BatchError(f"pending features have {points.shape[1]} columns, the ranking's {d}")
        return points


class HasModel(Protocol):
    """What a batch needs of a surrogate: its BoTorch model of log10(rate), for joint posteriors."""

    @property
    def model(self) -> Any:
        """The BoTorch model behind the surrogate."""


def choose_batch(ranking: Ranking, surrogate: HasModel, query: BatchQuery = BatchQuery()) -> NDArray[np.int64]:
    """Indices of q compounds of the ranked space, in the order they were chosen, shape (q,).

    Sequential greedy: each pick maximises what it gains by the strategy, given everything pending and everything picked
    before. By default that is the logarithm of the expected improvement beyond all of them plus log P(forms); greedy
    selection by that gain alone is within 1 - 1/e of the best batch (Wilson et al., NeurIPS (2018), arXiv 1805.10196),
    and the first pick with nothing pending is the head of the ranking.

    Args:
        ranking: from `screening.ranking.rank`.
        surrogate: the model that made the ranking.
        query: the batch.

    Raises:
        BatchError: if q is below 1, the seed is no whole number of 0 or more, something of the pending compounds is not
            told, or the limits leave fewer than q compounds; nothing is relaxed silently.
    """
    seed, size = check_seed(query.seed, BatchError), min(query.shortlist, len(ranking))
    if query.q < 1:
        raise BatchError(f"a batch of {query.q} compounds: ask for at least 1")
    x = ranking.x[:size]
    pending, used = query.pending_x(x.shape[1]), _Used(query, ranking.spacer[:size], x)
    free = np.ones(size, dtype=bool) if query.barred is None else ~np.asarray(query.barred, dtype=bool)[:size]
    index = ranking.frame["index"].to_numpy(dtype=np.int64)[:size]
    places, teaches = None, np.empty(0, dtype=bool)
    if query.teaching is not None:
        places, teaches = (query.q - query.teaching, query.teaching), ranking.frame["tag"].to_numpy() == TEACHES_MOST

    def gains(own: NDArray[np.int64], chosen: Chosen, frame: pd.DataFrame | None = None) -> Array:
        known = x[own], surrogate.model, ranking.best_observed, seed, query.observed, x
        told = ranking.log_feasibility[own], index[own], no_rows() if frame is None else frame
        moments = partial(shared, own, tuple(picked))
        return query.strategy.gains(Shortlist(*known, *told, moments), chosen)

    picked: list[int] = []
    only_falls = (
        isinstance(query.strategy, Acquisition) and query.strategy.rises_with_sd and not query.strategy.is_joint
    )
    most = np.full(size, np.inf)
    shared = SharedMoments(surrogate.model, x, pending)
    while len(picked) < query.q:
        fits = used.fits() & free
        rows = np.flatnonzero(fits if places is None else of_open_kind(fits, teaches[:size], picked, places))
        if not rows.size:
            problem = BatchError(
                f"only {len(picked)} of {query.q} compounds fit the limits ({query.limits}) among the {size} best "
                "ranked: loosen a limit, ask for fewer, or rank more (top_k)"
            )
            problem.n_fit = len(picked)
            raise problem
        chosen = Chosen(np.vstack([pending, x[picked]]), len(picked), _columns(query, len(pending), ranking, picked))
        if only_falls:
            row = largest_gain(rows, partial(gains, chosen=chosen), most)
        else:
            row = int(rows[np.argmax(gains(rows, chosen, ranking.frame.iloc[rows]))])
        used.take(row)
        picked.append(row)
    return index[picked]


def largest_gain(rows: NDArray[np.int64], gains: Callable[[NDArray[np.int64]], Array], most: Array) -> int:
    """The one of rows (r,) with the largest of `gains`, which beside more points only fall: what each gains at most, of
    all rows (m,), leaves most of them out and is lowered (Minoux, 1978, doi 10.1007/BFb0006528)."""
    left, best, pick = rows[np.argsort(-most[rows], kind="stable")], -np.inf, -1
    size = _FIRST if np.isfinite(most[left[0]]) else len(left)
    while len(left) and (pick < 0 or most[left[0]] >= best - _SAMPLED_GAIN):
        block, left, size = left[:size], left[size:], 2 * size
        most[block] = gains(block)
        first = int(block[np.argmax(most[block])])
        best, pick = (float(most[first]), first) if most[first] > best or pick < 0 else (best, pick)
    return pick


def teaching_places(q: int, share: float) -> int | None:
    """How many of q compounds teach most by a share (0 to 1), one of each kind at least; None for 0, or of one."""
    if share <= 0.0 or q < 2:
        return None
    return q if share >= 1.0 else min(max(round(share * q), 1), q - 1)


def of_open_kind(
    fits: NDArray[np.bool_], teaches: NDArray[np.bool_], picked: Sequence[int], places: tuple[int, int]
) -> NDArray[np.bool_]:
    """Of the candidates that fit (m,) those whose kind (m,) has a place left after `picked`; all if none has."""
    taken = np.bincount(teaches[[*picked]].astype(np.int64), minlength=2)
    open_: NDArray[np.bool_] = fits & (taken < places)[teaches.astype(np.int64)]
    return open_ if open_.any() else fits


def refits_that_keep(
    ranking: Ranking, query: BatchQuery, batch: NDArray[np.int64], refits: Iterable[tuple[Any, float]]
) -> NDArray[np.int64] | None:
    """In how many refits each member of a batch is chosen again, shape (q,); None for a strategy that asks a model for
    more than means and covariances, and for a model without joint ones. Beside the batch (q,), chosen by
    `choose_batch`, its `RIVALS` best rivals compete. `refits`: BoTorch model and what is to be beaten of each."""
    if not isinstance(query.strategy, Acquisition) or query.strategy.is_joint:
        return None
    index = ranking.frame["index"].to_numpy(dtype=np.int64)
    rows = np.union1d(np.arange(min(RIVALS, query.shortlist, len(index))), np.flatnonzero(np.isin(index, batch)))
    head = replace(
        ranking,
        frame=ranking.frame[["index", "tag", *query.strategy.pending_names]].iloc[rows],
        x=ranking.x[rows],
        spacer=ranking.spacer[rows],
        log_feasibility=ranking.log_feasibility[rows],
    )
    limited: dict[str, Any] = {
        name: None if (of := getattr(query, name)) is None else of[rows] for name in ("cost", "days", "barred")
    }
    few = replace(query, shortlist=len(rows), **limited)

    def kept(refit: tuple[Any, float]) -> NDArray[np.int64] | None:
        model, best = refit
        if not hasattr(model, "joint_moments"):
            return None
        again = choose_batch(replace(head, best_observed=best), SimpleNamespace(model=model), few)
        return np.isin(batch, again).astype(np.int64)

    told = [*map_blocks(kept, refits, training_threads("cpu"))]
    counted = [one for one in told if one is not None]
    return sum(counted, np.zeros(len(batch), dtype=np.int64)) if len(counted) == len(told) else None


def _columns(query: BatchQuery, n_pending: int, ranking: Ranking, picked: Sequence[int]) -> pd.DataFrame:
    """What the strategy is told of pending and picked compounds, one row each."""
    names, given = [*query.strategy.pending_names], query.pending_columns
    if not names:
        return no_rows()
    if n_pending and (given is None or len(given) != n_pending or set(names) - set(given)):
        raise BatchError(
            f"{n_pending} compounds are pending: give `pending_columns`, one row each with the columns "
            f"{', '.join(names)}"
        )
    own = ranking.frame.iloc[[*picked]][names]
    return pd.concat([given[names].astype(np.float64), own]) if n_pending and given is not None else own


class _Used:
    """Counts what a growing batch has used and says which candidates still fit; an unknown (NaN) cost or lead time does
    not fit a limited batch."""

    def __init__(self, query: BatchQuery, spacer: NDArray[np.int64], x: Array) -> None:
        limits, size = query.limits, len(x)
        cost, days = (None if of is None else np.asarray(of, np.float64)[:size] for of in (query.cost, query.days))
        if limits.max_cost is not None and cost is None:
            raise BatchError("max_cost is set but no candidate has a cost: give `cost`, one number a candidate")
        if limits.max_days is not None and days is None:
            raise BatchError("max_days is set but no candidate has a lead time: give `days`, one number a candidate")
        spread = x.std(axis=0)
        self._scale = np.where(spread > 0.0, spread, 1.0)
        self._limits, self._spacer, self._x, self._cost = limits, spacer, x, cost
        self._open = np.ones(size, dtype=bool) if limits.max_days is None or days is None else days <= limits.max_days
        self._count, self._spent = Counter[int](), 0.0
        for row in query.pending_x(x.shape[1]):
            self._keep_away(row)

    def fits(self) -> NDArray[np.bool_]:
        """Candidates that may still be added, shape (m,)."""
        allowed = self._open.copy()
        if self._limits.max_per_spacer is not None:
            full = [spacer for spacer, count in self._count.items() if count >= self._limits.max_per_spacer]
            allowed &= ~np.isin(self._spacer, full)
        if self._limits.max_cost is not None and self._cost is not None:
            allowed &= self._spent + self._cost <= self._limits.max_cost
        return allowed

    def take(self, row: int) -> None:
        """Add one candidate to the batch."""
        self._open[row] = False
        self._count[int(self._spacer[row])] += 1
        self._spent += float(self._cost[row]) if self._cost is not None else 0.0
        self._keep_away(self._x[row])

    def _keep_away(self, point: Array) -> None:
        if self._limits.min_distance:
            distance = np.sqrt((((self._x - point) / self._scale) ** 2).mean(axis=1))
            self._open &= distance >= self._limits.min_distance
