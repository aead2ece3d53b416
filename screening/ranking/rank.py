"""Rank every compound of a space in one streamed pass: score a block, keep the best, forget the rest."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chemspace.progress import Progress
from chemspace.space import CompoundSpace, SpaceBlock
from oracle.descriptors import CationTable, space_descriptors
from screening.acquisition.analytic import log_expected_improvement
from screening.decision_errors import NothingLeftError, RankingError
from screening.feasibility.bound import BoundFeasibility
from screening.feasibility.model import FeasibilityModel
from screening.features import to_features
from screening.ranking.frame import RANKING_COLUMNS, Ranking, add_nearest, lifetime_columns
from screening.ranking.nearest import MeasuredSet
from screening.ranking.parallel import cores, map_blocks
from screening.ranking.precision import SinglePrecision
from screening.ranking.top import TopK

__all__ = ["Predictor", "Score", "latent_sd", "rank", "space_features", "unexplained_variance"]

Array = NDArray[np.float64]
#: Compounds kept beyond top_k by the single-precision pass, and rows a model predicts at once (fits the cache).
_SPARE, _CHUNK = 1000, 4096
#: (mean (m,), sd (m,), best observed) -> values to be maximised (m,).
Score = Callable[[Array, Array, float], Array]


class Predictor(Protocol):
    """What a ranking needs of a surrogate: mean and sd of log10(rate) for features (m, d)."""

    def predict(self, x: Array, chunk: int = ...) -> tuple[Array, Array]:
        """Mean (m,) and standard deviation (m,) of a new measurement at features (m, d)."""
        ...


def rank(
    space: CompoundSpace,
    spacer_table: CationTable,
    cage_table: CationTable,
    surrogate: Predictor,
    feasibility: FeasibilityModel | None = None,
    *,
    best_observed: float,
    top_k: int = 1000,
    exclude: Collection[int] = (),
    measured: MeasuredSet | None = None,
    score: Score = log_expected_improvement,
    block_size: int = 16384,
    progress: Progress | None = None,
    single_precision: bool = False,
    device: str = "cpu",
    workers: int | None = None,
) -> Ranking:
    """Rank a space by acquisition times feasibility.

    Memory: about block_size x 120 numbers a worker plus top_k rows, whatever the size of the space. The result does not
    depend on the block size or the number of workers; equal values are ordered by index.

    Args:
        space: the compounds, never materialised.
        spacer_table: descriptors of `space.spacers`, rows aligned; NaN where the oracle failed.
        cage_table: the same of `space.cage_cations`.
        surrogate: anything with `predict(x, chunk) -> (mean, sd)` of log10(rate) over `screening.features`.
        feasibility: multiplies the acquisition; None leaves it out (a column of ones).
        best_observed: lowest log10(rate) so far.
        top_k: rows to keep.
        exclude: indices never returned (measured, pending, banned).
        measured: for the nearest-measured columns.
        score: acquisition on (mean, sd, best), logarithmic so that log P(forms) can be added. Its sd is that of the
            latent target; the frame's sd and interval are those of a new measurement.
        block_size: compounds scored at once.
        progress: called after each block with (done, total, note).
        single_precision: pass over the space in float32 (about twice as fast), keep at least 1,000 more than top_k, and
            score those again in float64. The pass is repeated with a longer list should the difference between the two
            ever reach across its end, so the result is that of float64.
        device: "cpu" or "cuda" for the float32 pass.
        workers: threads that score blocks side by side; None takes every core this process may use.

    Raises:
        RankingError: if the tables do not fit the space, the surrogate returns NaN or cannot be copied to float32.
        NothingLeftError: if no compound is left to rank.
    """
    _check(space, spacer_table, cage_table, top_k, block_size)
    bound = None if feasibility is None else feasibility.bind(space)
    scored = _Pass(space, (spacer_table, cage_table), bound, score, best_observed, unexplained_variance(surrogate))
    excluded = np.unique(np.fromiter(exclude, dtype=np.int64, count=len(exclude)))
    quick: Predictor = SinglePrecision(surrogate, device) if single_precision else surrogate
    keep = top_k + max(top_k, _SPARE) if single_precision else top_k
    while True:
        index, value, counts = scored.stream(quick, excluded, keep, block_size, workers or cores(), progress)
        if not index.size:
            raise NothingLeftError(
                f"no compound is left to rank: of {len(space)} compounds {counts[1]} are measured, pending or excluded "
                f"and {counts[2]} have no descriptors; widen the space or lift the exclusions"
            )
        if not single_precision:
            break
        exact = scored.values(surrogate, space.take(index), block_size)
        order = np.lexsort((index, -exact))[:top_k]
        slack = 4.0 * float(np.abs(exact - value).max())
        certain = len(index) < keep or exact[order[-1]] > value[-1] + slack
        index, value, keep = index[order], exact[order], 4 * keep
        if certain:
            break
    return _ranking(scored, index, value, surrogate, measured, counts)


@dataclass(frozen=True)
class _Pass:
    """What every compound of a space is scored with."""

    space: CompoundSpace
    tables: tuple[CationTable, CationTable]
    bound: BoundFeasibility | None
    score: Score
    best_observed: float
    unexplained: float

    def features(self, block: SpaceBlock) -> Array:
        """Features of a block, shape (m, d)."""
        return to_features(space_descriptors(self.space, block, *self.tables))

    def values(self, predictor: Predictor, block: SpaceBlock, chunk: int, x: Array | None = None) -> Array:
        """Acquisition plus log P(forms) of a block whose compounds all have descriptors, shape (m,)."""
        mean, sd = _predict(predictor, self.features(block) if x is None else x, chunk)
        value = self.score(mean, latent_sd(sd, self.unexplained), self.best_observed)
        return value if self.bound is None else value + self.bound.log_probability(block)

    def block_values(self, predictor: Predictor, block: SpaceBlock, x: Array) -> Array:
        """As `values`; neighbours with equal features are predicted once.

        Cage cations without carbon have no descriptors, so they give runs of equal rows.
        """
        new = np.append(True, (x[1:] != x[:-1]).any(axis=1))
        if new.all():
            return self.values(predictor, block, _CHUNK, x)
        mean, sd = (part[np.cumsum(new) - 1] for part in _predict(predictor, x[new], _CHUNK))
        value = self.score(mean, latent_sd(sd, self.unexplained), self.best_observed)
        return value if self.bound is None else value + self.bound.log_probability(block)

    def stream(
        self,
        predictor: Predictor,
        excluded: NDArray[np.int64],
        keep: int,
        block_size: int,
        workers: int,
        progress: Progress | None,
    ) -> tuple[NDArray[np.int64], Array, tuple[int, int, int]]:
        """Indices and values of the best, and how many were scored, excluded and without descriptors."""
        top, done, skipped, undescribed = TopK(keep), 0, 0, 0
        work = partial(self.block_numbers, predictor, excluded)
        for size, index, value, without in map_blocks(work, self.space.blocks(block_size), workers):
            done, undescribed = done + size, undescribed + without
            skipped += size - without - len(index)
            top.offer(value, index)
            if progress is not None:
                progress(done, len(self.space), "compounds scored")
        return (*top.result(), (done, skipped, undescribed))

    def block_numbers(
        self, predictor: Predictor, excluded: NDArray[np.int64], block: SpaceBlock
    ) -> tuple[int, NDArray[np.int64], Array, int]:
        """Compounds in a block, indices and values of those that were scored, and how many had no descriptors."""
        x = self.features(block)
        described = np.isfinite(x).all(axis=1)
        free = ~np.isin(block.index, excluded)
        rows, without = np.flatnonzero(described & free), int(np.count_nonzero(free & ~described))
        if not rows.size:
            return len(block.index), block.index[rows], np.empty(0), without
        some = block if rows.size == len(block.index) else _subset(block, rows)
        return len(block.index), some.index, self.block_values(predictor, some, x[rows]), without


def space_features(
    space: CompoundSpace, indices: NDArray[np.int64], spacer_table: CationTable, cage_table: CationTable
) -> Array:
    """Features of some compounds of a space, shape (k, d); NaN rows where a cation has no descriptors."""
    return to_features(space_descriptors(space, space.take(indices), spacer_table, cage_table))


def unexplained_variance(surrogate: object) -> float:
    """What a surrogate's predicted variance holds beyond its latent target: noise and what no feature explains."""
    own = getattr(getattr(surrogate, "model", None), "unexplained_variance", None)
    return 0.0 if own is None else float(own())


def latent_sd(sd: Array, unexplained: float) -> Array:
    """Standard deviation of the latent target: what an experiment on this very compound can still teach, shape (m,)."""
    value: Array = np.sqrt(np.maximum(sd**2 - unexplained, 1e-12))
    return value


def _ranking(
    scored: _Pass,
    index: NDArray[np.int64],
    value: Array,
    surrogate: Predictor,
    measured: MeasuredSet | None,
    counts: tuple[int, int, int],
) -> Ranking:
    block = scored.space.take(index)
    x = scored.features(block)
    mean, sd = _predict(surrogate, x, _CHUNK)
    log_p = np.zeros(len(index)) if scored.bound is None else scored.bound.log_probability(block)
    formulas = [scored.space[int(i)].formula for i in index]
    frame = pd.DataFrame({"index": index, "formula": formulas, "mean": mean, "sd": sd})
    for name, column in lifetime_columns(mean, sd).items():
        frame[name] = column
    frame["acquisition"] = value
    frame["feasibility"] = np.exp(log_p)
    add_nearest(frame, x, measured)
    spacer = block.spacer.astype(np.int64)
    return Ranking(frame[list(RANKING_COLUMNS)], x, spacer, log_p, scored.best_observed, *counts)


def _predict(surrogate: Predictor, x: Array, chunk: int) -> tuple[Array, Array]:
    mean, sd = surrogate.predict(x, chunk)
    bad = np.flatnonzero(~(np.isfinite(mean) & np.isfinite(sd)))
    if bad.size:
        raise RankingError(f"the surrogate predicts no number for {bad.size} of {len(x)} compounds; fit it again")
    return np.asarray(mean, dtype=np.float64), np.asarray(sd, dtype=np.float64)


def _subset(block: SpaceBlock, rows: NDArray[np.int64]) -> SpaceBlock:
    return SpaceBlock(
        block.index[rows],
        block.spacer[rows],
        block.cage[rows],
        block.n_layers[rows],
        block.b_site[rows],
        block.halide[rows],
    )


def _check(space: CompoundSpace, spacers: CationTable, cages: CationTable, top_k: int, block_size: int) -> None:
    for name, table, cations in (("spacer_table", spacers, space.spacers), ("cage_table", cages, space.cage_cations)):
        if len(table.values) != len(cations):
            raise RankingError(
                f"{name} has {len(table.values)} rows, the space has {len(cations)} such cations: one row a cation"
            )
    if top_k < 1 or block_size < 1:
        raise RankingError(f"top_k and block_size must be at least 1, not {top_k} and {block_size}")
