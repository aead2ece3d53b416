"""Choose q compounds from a ranking one by one, each for what it adds to those before it and to those pending."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from screening.batch.limits import BatchLimits, Used
from screening.batch.values import next_values
from screening.errors import BatchError
from screening.ranking.aims import Aim, Lot
from screening.ranking.frame import Ranking
from screening.ranking.tradeoff import Tradeoff
from screening.ranking.wishes import Desire
from screening.seeds import check_seed

__all__ = ["HasModel", "choose_batch"]

Array = NDArray[np.float64]


class HasModel(Protocol):
    """What a batch needs of a surrogate: its BoTorch model of log10(rate), for joint posteriors."""

    @property
    def model(self) -> Any:
        """The BoTorch model behind the surrogate."""
        ...


def choose_batch(
    ranking: Ranking,
    surrogate: HasModel,
    pending: Array | None = None,
    q: int = 5,
    seed: int = 42,
    max_per_spacer: int | None = None,
    *,
    limits: BatchLimits | None = None,
    cost: Array | None = None,
    days: Array | None = None,
    shortlist: int = 1000,
    acquisition: str = "log_ei",
    observed: Array | None = None,
    barred: NDArray[np.bool_] | None = None,
    aim: Aim | Lot | None = None,
    awaited: pd.DataFrame | None = None,
) -> NDArray[np.int64]:
    """Indices of q compounds of the ranked space, in the order they were chosen.

    Sequential greedy: each pick maximises its value given everything pending and everything picked before, plus
    log P(forms) (`screening.batch.values`). By default the value is the logarithm of the expected improvement beyond
    all of them; greedy selection by that gain alone is within 1 - 1/e of the best batch (Wilson et al., NeurIPS (2018),
    arXiv 1805.10196), and the first pick with nothing pending is the head of the ranking.

    Args:
        ranking: from `screening.ranking.rank`; its first `shortlist` rows compete.
        surrogate: the model that made the ranking.
        pending: features of compounds whose results are awaited, shape (p, d).
        q: batch size.
        seed: of the quasi-random samples.
        max_per_spacer: compounds of one spacer in the batch; short for `limits.max_per_spacer`.
        limits: further limits.
        cost: money a candidate, shape (k,) like the ranking; NaN unknown.
        days: lead time a candidate, shape (k,).
        acquisition: one of `screening.acquisition.BATCH_ACQUISITIONS`.
        observed: features of what is measured, shape (o, d), for "qlog_nei".
        barred: candidates that may not be chosen (a hazard, say), shape (k,).
        aim: what the ranking is by, where it is no acquisition: `Desire` and `Tradeoff` value each pick given what is
            pending and picked before; a `Lot` draws by the seed of the batch.
        awaited: what a tradeoff has to be told of the pending compounds (`Tradeoff.awaits`), one row each.

    Raises:
        BatchError: if q is below 1, the seed is no whole number of 0 or more, something of the pending compounds is not
            told, or the limits leave fewer than q compounds; nothing is relaxed silently.
    """
    bounds, seed = _limits(limits, max_per_spacer), check_seed(seed, BatchError)
    size = min(shortlist, len(ranking))
    if q < 1:
        raise BatchError(f"a batch of {q} compounds: ask for at least 1")
    x = ranking.x[:size]
    points = np.empty((0, x.shape[1])) if pending is None else np.atleast_2d(np.asarray(pending, dtype=np.float64))
    if points.size and points.shape[1] != x.shape[1]:
        raise BatchError(f"pending features have {points.shape[1]} columns, the ranking's {x.shape[1]}")
    used = Used(bounds, ranking.spacer[:size], x, points, _head(cost, size), _head(days, size))
    free = np.ones(size, dtype=bool) if barred is None else ~np.asarray(barred, dtype=bool)[:size]
    told = _told(aim, points, awaited)
    rivals = _Rivals(ranking, size, surrogate.model, acquisition, seed, observed, aim, points, told)
    chosen: list[int] = []
    while len(chosen) < q:
        fits = np.flatnonzero(used.fits() & free)
        if not fits.size:
            raise BatchError(
                f"only {len(chosen)} of {q} compounds fit the limits ({bounds}) among the {size} best ranked: "
                "loosen a limit, ask for fewer, or rank more (top_k)"
            )
        value = rivals.values(fits, chosen)
        row = int(fits[np.argmax(value)])
        used.take(row)
        chosen.append(row)
    return rivals.index[chosen]


@dataclass(frozen=True)
class _Rivals:
    """What competes for a place in a batch: the first `size` rows of a ranking, and what they are valued by; `pending`
    are the features of what is awaited (p, d), and `awaited` what a tradeoff is told of it."""

    ranking: Ranking
    size: int
    model: Any
    acquisition: str
    seed: int
    observed: Array | None
    aim: Aim | Lot | None
    pending: Array
    awaited: pd.DataFrame

    @cached_property
    def index(self) -> NDArray[np.int64]:
        """Their indices in the space, shape (size,)."""
        return self.ranking.frame["index"].to_numpy(dtype=np.int64)[: self.size]

    def values(self, rows: NDArray[np.int64], picked: list[int]) -> Array:
        """Value of some rows (m,) as the next pick after those rows, shape (m,)."""
        x, log_p = self.ranking.x[rows], self.ranking.log_feasibility[rows]
        points = np.vstack([self.pending, self.ranking.x[picked]])
        if isinstance(self.aim, Lot):
            return Lot(self.seed).values(self.index[rows])
        frame = self.ranking.frame.iloc[rows]
        if isinstance(self.aim, Tradeoff):
            awaited = pd.concat([self.awaited, self.ranking.frame.iloc[picked][[*self.aim.awaits]]])
            value = self.aim.batch_values(self.model, frame, x, points, awaited, self.seed)
            return value + self.aim.weight(log_p)
        if isinstance(self.aim, Desire):
            return self.aim.batch_values(frame, x, points, lambda: self._acquisition(x, points, len(picked)))
        return self._acquisition(x, points, len(picked)) + log_p

    def _acquisition(self, x: Array, points: Array, pick: int) -> Array:
        seed = self.seed + pick if self.acquisition == "thompson" else self.seed  # another function for each pick
        space, best = self.ranking.x[: self.size], self.ranking.best_observed
        return next_values(self.acquisition, self.model, x, points, best, seed, self.observed, space)


def _told(aim: Aim | Lot | None, points: Array, awaited: pd.DataFrame | None) -> pd.DataFrame:
    """What a tradeoff is told of the pending compounds, points (p, d)."""
    names = [*aim.awaits] if isinstance(aim, Tradeoff) else []
    if awaited is None and not (names and len(points)):
        return pd.DataFrame(np.empty((0, len(names))), columns=names)
    if awaited is None or len(awaited) != len(points) or set(names) - set(awaited):
        raise BatchError(
            f"{len(points)} compounds are pending: give `awaited`, one row each with the columns {', '.join(names)}"
        )
    return awaited[names].astype(np.float64)


def _limits(limits: BatchLimits | None, max_per_spacer: int | None) -> BatchLimits:
    if limits is not None and max_per_spacer is not None:
        raise BatchError("give max_per_spacer either by itself or inside limits, not both")
    return BatchLimits(max_per_spacer=max_per_spacer) if limits is None else limits


def _head(values: Array | None, size: int) -> Array | None:
    return None if values is None else np.asarray(values, dtype=np.float64)[:size]
