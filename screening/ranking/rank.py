"""Rank every compound of a space: one streamed pass, the shortlist checked in double precision."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chemspace.progress import Announcement, Progress
from chemspace.space import CompoundSpace
from oracle.descriptors import CationTable, space_descriptors
from screening.acquisition.analytic import log_expected_improvement
from screening.errors import NothingLeftError, RankingError
from screening.feasibility.model import FeasibilityModel
from screening.features import to_features
from screening.ranking.aims import Aim, Lot
from screening.ranking.cluster import stream_on
from screening.ranking.estimate import estimate_pass
from screening.ranking.frame import Ranking, add_nearest, lifetime_columns
from screening.ranking.nearest import MeasuredSet
from screening.ranking.parallel import cores
from screening.ranking.precision import SinglePrecision
from screening.ranking.stream import (
    Counts,
    Predictor,
    Score,
    Scoring,
    predict,
    stream,
    unexplained_variance,
)
from screening.ranking.tradeoff import Tradeoff
from screening.ranking.wishes import Desire

if TYPE_CHECKING:
    from screening.ranking.bounds import PredictionBounds

__all__ = ["rank", "space_features"]

Array = NDArray[np.float64]
#: Compounds kept beyond top_k by the single-precision pass.
_SPARE = 1000
#: From this size on a pass takes long enough to be told beforehand.
_LONG = 5_000_000


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
    client: Any = None,
    aim: Aim | Lot | None = None,
) -> Ranking:
    """Rank a space by acquisition times feasibility.

    Memory: about block_size x 120 numbers a worker plus top_k rows, whatever the size of the space. The result does not
    depend on the block size or the number of workers; equal values are ordered by index. Descriptors are worked out
    once a cation, predictions once for compounds that share them.

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
        progress: called after each block with (done, total, note); before a long pass with an `Announcement` of its
            size and time.
        single_precision: pass over the space in float32, keep at least 1,000 more than top_k, and score those again in
            float64. The pass is repeated with a longer list should the difference between the two ever reach across its
            end, so the result is that of float64. On the CPU, and for an acquisition that rises with the standard
            deviation, bounds of the shipped surrogate (`screening.ranking.bounds`) decide first which compounds can
            still reach the list; the others are counted in `n_bounded` and get no whole prediction.
        device: "cpu" or "cuda" for the float32 pass.
        workers: threads that score blocks side by side; None takes every core this process may use.
        aim: what to rank by instead of acquisition times feasibility: wishes (`Desire`), several measured properties
            (`Tradeoff`) or a random order (`Lot`). Its columns stand behind the others in the frame; compounds of which
            one is not known are left out.
        client: a `distributed.Client`; its workers make the pass instead of this process, the result is the same.

    Raises:
        RankingError: if the tables do not fit the space, the surrogate returns NaN or cannot be copied to float32.
        NothingLeftError: if no compound is left to rank.
    """
    _check(space, spacer_table, cage_table, top_k, block_size)
    scoring = Scoring(
        space,
        (spacer_table, cage_table),
        None if feasibility is None else feasibility.bind(space),
        score,
        best_observed,
        unexplained_variance(surrogate),
        np.unique(np.fromiter(exclude, dtype=np.int64, count=len(exclude))),
        aim,
    )
    single_precision = single_precision and not isinstance(aim, Lot)  # a lot predicts nothing
    quick: Predictor = SinglePrecision(surrogate, device) if single_precision else surrogate
    bounds = _bounds(surrogate, scoring) if single_precision and device == "cpu" else None
    keep = top_k + max(top_k, _SPARE) if single_precision else top_k
    if progress is not None and client is None and len(space) >= _LONG:
        cost = estimate_pass(scoring, quick, bounds, keep, block_size, workers or cores())
        progress(0, scoring.n_allowed, Announcement(f"to rank: {cost}"))
    while True:
        if client is None:
            index, value, counts = stream(scoring, quick, bounds, keep, block_size, workers or cores(), progress)
        else:
            index, value, counts = stream_on(client, scoring, quick, bounds, keep, block_size, progress)
        if not index.size:
            raise NothingLeftError(_nothing(counts, len(space), aim))
        if not single_precision:
            break
        exact = _exact(scoring, surrogate, index)
        order = np.lexsort((index, -exact))[:top_k]
        slack = 4.0 * float(np.abs(exact - value).max())
        certain = len(index) < keep or exact[order[-1]] > value[-1] + slack
        index, value, keep = index[order], exact[order], 4 * keep
        if certain:
            break
    return _ranking(scoring, index, value, surrogate, measured, counts)


def space_features(
    space: CompoundSpace, indices: NDArray[np.int64], spacer_table: CationTable, cage_table: CationTable
) -> Array:
    """Features of some compounds of a space, shape (k, d); NaN rows where a cation has no descriptors."""
    return to_features(space_descriptors(space, space.take(indices), spacer_table, cage_table))


def _nothing(counts: Counts, size: int, aim: Aim | Lot | None) -> str:
    others = ", and of the others a wished column is not known" if isinstance(aim, Desire) else ""
    if isinstance(aim, Tradeoff) and aim.known:
        worst = ", ".join(f"{one.name} {one.worst:g}" for one in aim.known)
        others = f", and the others are worse than the worst still of interest ({worst}) or not known"
    return (
        f"no compound is left to rank: of {size} compounds {counts.excluded} are measured, pending or excluded and "
        f"{counts.undescribed} have no descriptors{others}; widen the space or lift the exclusions"
    )


def _bounds(surrogate: Predictor, scoring: Scoring) -> PredictionBounds | None:
    from screening.ranking.bounds import PredictionBounds  # loads torch, which a double-precision pass may not need

    return PredictionBounds.of(getattr(surrogate, "model", None)) if scoring.may_prune() else None


def _exact(scoring: Scoring, surrogate: Predictor, index: NDArray[np.int64]) -> Array:
    block = scoring.space.take(index)
    # Equal features are predicted once: in two places of a batch they may differ by rounding, and a tie would be none.
    x, source = np.unique(_features(scoring, index), axis=0, return_inverse=True)
    return scoring.values(surrogate, x, block, source)


def _features(scoring: Scoring, index: NDArray[np.int64]) -> Array:
    return space_features(scoring.space, index, *scoring.tables)


def _ranking(
    scoring: Scoring,
    index: NDArray[np.int64],
    value: Array,
    surrogate: Predictor,
    measured: MeasuredSet | None,
    counts: Counts,
) -> Ranking:
    block, x = scoring.space.take(index), _features(scoring, index)
    mean, sd = predict(surrogate, x)
    log_p = scoring.log_feasibility(block)
    formulas = [scoring.space[int(i)].formula for i in index]
    frame = pd.DataFrame({"index": index, "formula": formulas, "mean": mean, "sd": sd})
    for name, column in lifetime_columns(mean, sd).items():
        frame[name] = column
    frame["acquisition"] = value
    frame["feasibility"] = np.exp(log_p)
    add_nearest(frame, x, measured)
    for name, column in scoring.columns(mean, sd, x, block).items():
        if name not in frame:
            frame[name] = column
    return Ranking(
        frame,
        x,
        block.spacer.astype(np.int64),
        log_p,
        scoring.best_observed,
        counts.scored,
        counts.excluded,
        counts.undescribed,
        counts.bounded,
    )


def _check(space: CompoundSpace, spacers: CationTable, cages: CationTable, top_k: int, block_size: int) -> None:
    for name, table, cations in (("spacer_table", spacers, space.spacers), ("cage_table", cages, space.cage_cations)):
        if len(table.values) != len(cations):
            raise RankingError(
                f"{name} has {len(table.values)} rows, the space has {len(cations)} such cations: one row a cation"
            )
    if top_k < 1 or block_size < 1:
        raise RankingError(f"top_k and block_size must be at least 1, not {top_k} and {block_size}")
