"""Rank every compound of a space: one streamed pass, the shortlist checked in double precision; and when to stop."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chemspace.progress import Announcement, Progress
from screening.calibration import LIKELY_SLOW, TEACHES_MOST, teaches_most
from screening.devices import cores
from screening.errors import NothingLeftError, RankingError
from screening.ranking.candidates import (
    RANKING_COLUMNS,
    Candidates,
    Counts,
    Found,
    Pass,
    SinglePrecision,
    stream,
    stream_on,
    subset,
)
from screening.strategies.acquisitions import log_expected_improvement
from screening.strategies.strategy import NEAREST, NEAREST_COLUMNS

if TYPE_CHECKING:
    from screening.ranking.bounds import PredictionBounds

Array = NDArray[np.float64]
#: Compounds kept beyond top_k by a pass.
_SPARE = 1000
#: From this size on a pass takes long enough to be told beforehand, and a sketch is quicker than bounds are.
_LONG, _BOUNDS_SUFFICE = 5_000_000, 20_000_000
#: Blocks that are timed, spread over the space.
_TIMED = 3


@dataclass(frozen=True)
class PassSettings:
    """How a space is passed over; the list does not depend on any of it."""

    block_size: int = 16384  #: compounds scored at once. Memory is about 120 numbers for each of them and worker.
    workers: int | None = None  #: threads that score blocks side by side; None takes every core this process may use
    #: Pass over the space in float32, keep at least 1,000 more than asked for, and score those again in float64. The
    #: pass is repeated with a longer list should the difference between the two ever reach across its end. On the CPU,
    #: and for a strategy that rises with the standard deviation, bounds of processes and trees
    #: (`screening.ranking.bounds`) decide first which compounds can still reach the list; the others are counted in
    #: `n_bounded` and get no whole prediction.
    single_precision: bool = False
    device: str = "cpu"  #: "cpu" or "cuda" for the float32 pass
    #: Predict only what a sketch of all values (`screening.ranking.sketch`) says may reach the list, where the strategy
    #: tells by prediction and P(forms) alone (`rises_with_sd`) and the surrogate has no bounds, or the space 20 million
    #: compounds; how many compounds of the list are expected to be missed by that is in `Ranking.n_missed`: an
    #: estimate, which is too low (docs/scale.md, `benchmarks.ranking_missed`).
    sketched: bool = False
    client: Any = None  #: a `distributed.Client`, whose workers make the pass instead of this process


@dataclass(frozen=True)
class Ranking:
    """The best candidates of one pass, best first."""

    frame: pd.DataFrame  #: one row a candidate: `RANKING_COLUMNS`, columns of the strategy and of properties, and `tag`
    x: NDArray[np.float64]  #: features of the same rows, shape (k, d)
    spacer: NDArray[np.int64]  #: position of each row's spacer in the space, shape (k,)
    log_feasibility: NDArray[np.float64]  #: logarithm of P(forms), shape (k,); zeros without a feasibility model
    best_observed: float  #: value the improvement is counted from, log10(rate in 1/ps)
    #: Compounds passed over; of these n_excluded: measured, pending or excluded; n_undescribed: without descriptors;
    #: n_bounded: their bound alone showed that they cannot reach the list, so the whole prediction was left out.
    n_scored: int
    n_excluded: int
    n_undescribed: int
    n_bounded: int = 0
    n_missed: float = 0.0  #: how many compounds of the list are expected to be missing; 0 but for a sketched pass
    ranked_by: str = ""  #: what it is by, in words

    def __len__(self) -> int:
        return len(self.frame)

    @classmethod
    def empty(cls, candidates: Candidates) -> Ranking:
        """That of a space of which every compound is excluded."""
        x, none = candidates.features(candidates.space.take(np.empty(0, dtype=np.int64))), np.empty(0)
        words = {"formula", NEAREST}
        columns = {name: pd.Series(dtype=object if name in words else np.float64) for name in RANKING_COLUMNS}
        frame = pd.DataFrame(columns).astype({"index": np.int64, "in_domain": np.bool_})
        count, index, by = len(candidates.excluded), np.empty(0, dtype=np.int64), candidates.strategy.ranked_by
        return cls(frame, x, index, none, candidates.best_observed, count, count, 0, ranked_by=by)


@dataclass(frozen=True, slots=True)
class PassEstimate:
    """Compounds that the constraints allow, and seconds of a pass over them."""

    n_compounds: int
    seconds: float

    def __str__(self) -> str:
        span = f"{self.seconds:.0f} s" if self.seconds < 120 else f"{self.seconds / 60:.0f} min"
        return f"{self.n_compounds:,} compounds, about {span}"


def estimate_pass(work: Pass, workers: int = 1) -> PassEstimate:
    """Time whole blocks from several places of a pass by so many threads, with the threshold it will soon have."""
    candidates = work.candidates
    space = candidates.space
    size = min(work.block_size, len(space))
    sample = space.take(np.linspace(0, len(space) - 1, size).astype(np.int64))
    value = np.sort(replace(work, bounds=None).block_numbers(sample, -np.inf)[1])[::-1]
    place = work.keep * size // len(space)
    threshold = float(value[place]) if place < len(value) else -np.inf
    spent = []
    for share in np.linspace(0.2, 0.8, _TIMED):
        start = int(share * (len(space) - size))
        block = space.take(np.arange(start, start + size))
        begin = time.perf_counter()
        work.block_numbers(block, threshold)
        spent.append(time.perf_counter() - begin)
    count = candidates.n_allowed
    return PassEstimate(count, median(spent) / size * count / workers)


def rank(
    candidates: Candidates, top_k: int = 1000, settings: PassSettings = PassSettings(), progress: Progress | None = None
) -> Ranking:
    """The best compounds of a space by a strategy, best first.

    The result does not depend on the block size or the number of workers; equal values are ordered by index.
    Descriptors are worked out once a cation, predictions once for compounds that share them.

    Args:
        candidates: the compounds, and what they are ranked by.
        top_k: rows to keep.
        settings: how the space is passed over.
        progress: called after each block with (done, total, note); before a long pass with an `Announcement` of its
            size and time.

    Raises:
        RankingError: if the surrogate returns NaN or cannot be copied to float32.
        NothingLeftError: if no compound is left to rank.
    """
    if top_k < 1 or settings.block_size < 1:
        raise RankingError(f"top_k and block_size must be at least 1, not {top_k} and {settings.block_size}")
    surrogate, strategy = candidates.surrogate, candidates.strategy
    single = settings.single_precision and strategy.predicts
    quick = SinglePrecision(surrogate, settings.device) if single else surrogate
    work = Pass(candidates, quick, None, top_k + max(top_k, _SPARE), settings.block_size)
    workers = settings.workers or cores()
    candidates.log_feasibility(candidates.space.take(np.empty(0, dtype=np.int64)))  # learnt once, for every worker
    found, missed = _sketched(work, top_k, settings, progress)
    work = replace(work, bounds=_bounds(candidates) if single and settings.device == "cpu" and found is None else None)
    if progress is not None and settings.client is None and found is None and len(candidates.space) >= _LONG:
        progress(0, candidates.n_allowed, Announcement(f"to rank: {estimate_pass(work, workers)}"))
    while True:
        if found is not None:
            index, value, counts = found
        elif settings.client is None:
            index, value, counts = stream(work, workers, progress)
        else:
            index, value, counts = stream_on(settings.client, work, progress)
        if not index.size:
            raise NothingLeftError(_nothing(counts, candidates), is_used_up=counts.excluded >= counts.scored)
        exact = _exact(candidates, index)
        order = np.lexsort((index, -exact))[:top_k]
        slack = 4.0 * float(np.abs(exact - value).max())
        is_short = single and len(index) >= work.keep and exact[order[-1]] <= value[-1] + slack
        if not is_short:
            break
        found, missed, work = None, 0.0, replace(work, keep=4 * work.keep)
    index = np.sort(index[order])
    value = _exact(candidates, index)  # of the list alone, so that its numbers do not depend on what else was kept
    order = np.lexsort((index, -value))
    index, value = index[order], value[order]
    block = candidates.space.take(index)
    x = candidates.features(block)
    frame = candidates.frame(block, x, value)
    return Ranking(
        frame.assign(
            tag=np.where(teaches_most(frame["mean"].to_numpy(), frame["sd"].to_numpy()), TEACHES_MOST, LIKELY_SLOW)
        ),
        x,
        block.spacer.astype(np.int64),
        candidates.log_feasibility(block),
        candidates.incumbent,
        counts.scored,
        counts.excluded,
        counts.undescribed,
        counts.bounded,
        missed,
        candidates.strategy.ranked_by,
    )


def _nothing(counts: Counts, candidates: Candidates) -> str:
    others = candidates.strategy.leaves_out
    return (
        f"no compound is left to rank: of {len(candidates.space)} compounds {counts.excluded} are measured, pending or "
        f"excluded and {counts.undescribed} have no descriptors"
        f"{', and ' + others if others else ''}; widen the space or lift the exclusions"
    )


def _sketched(work: Pass, wanted: int, settings: PassSettings, progress: Progress | None) -> tuple[Found | None, float]:
    """What a sketched pass finds and misses; None where none is asked for, or it is not cheaper than the whole pass."""
    candidates = work.candidates
    if not settings.sketched or (len(candidates.space) < _BOUNDS_SUFFICE and _bounds(candidates) is not None):
        return None, 0.0
    if not candidates.strategy.rises_with_sd or settings.client is not None:
        if progress is not None:
            why = "a cluster makes the pass" if settings.client is not None else "it tells by more than that"
            words = f"no sketch of values by {candidates.strategy.name}: {why}; every compound is passed over"
            progress(0, candidates.n_allowed, Announcement(words))
        return None, 0.0
    from screening.ranking.sketch import SketchPass  # loads scipy.special, which other passes may not need

    found, missed = SketchPass(work, wanted, settings.workers or cores(), progress).run() or (None, 0.0)
    if progress is not None:
        words = "the sketch of values does not follow them: every compound is passed over"
        if found is not None:
            words = f"values sketched, {found[2].scored - found[2].bounded:,} of {found[2].scored:,} compounds "
            words += f"predicted: {missed:.3f} of the top {wanted} may be expected to be missing"
        progress(candidates.n_allowed, candidates.n_allowed, Announcement(words))
    return found, missed


def _bounds(candidates: Candidates) -> PredictionBounds | None:
    from screening.ranking.bounds import PredictionBounds  # loads torch, which a double-precision pass may not need

    model = getattr(candidates.surrogate, "model", None)
    return PredictionBounds.of(model) if candidates.strategy.rises_with_sd else None


def _exact(candidates: Candidates, index: NDArray[np.int64]) -> Array:
    block = candidates.space.take(index)
    # Equal features are predicted once: in two places of a batch they may differ by rounding, and a tie would be none.
    x, source = np.unique(candidates.features(block), axis=0, return_inverse=True)
    return candidates.values(candidates.surrogate, x, block, source.reshape(-1))


def write_candidates(
    path: Path, candidates: Candidates, block_size: int = 65536, progress: Progress | None = None
) -> int:
    """Write the columns of a ranking's frame of every compound to a Parquet file; returns the number of rows.

    One row a compound in the order of the space, `block_size` of them held at once. Nothing that the space's
    constraints allow is left out, measured compounds included; numbers are NaN where a cation has no descriptors. The
    file appears under its name only when it is whole.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    done = 0
    partial = path.with_name(path.name + ".partial")
    writer: pq.ParquetWriter | None = None
    try:
        try:
            for block in candidates.space.blocks(block_size):
                x = candidates.features(block)
                rows = np.flatnonzero(np.isfinite(x).all(axis=1))
                every = candidates.frame(subset(block, rows), x[rows]).set_axis(rows).reindex(range(len(block)))
                every["index"] = block.index
                every["formula"] = [candidates.space[int(index)].formula for index in block.index]
                every["feasibility"] = np.exp(candidates.log_feasibility(block))
                label, _, inside = NEAREST_COLUMNS
                every[label] = every[label].fillna("").astype(str)
                every[inside] = every[inside].eq(True)
                table = pa.Table.from_pandas(every, preserve_index=False)
                writer = writer or pq.ParquetWriter(partial, table.schema)
                writer.write_table(table)
                done += len(block)
                if progress is not None:
                    progress(done, max(candidates.n_allowed, done), "compounds written")
        finally:
            if writer is not None:
                writer.close()
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return done


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
