"""Every compound's numbers, streamed into a Parquet file in bounded memory; and what a pass will cost beforehand."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chemspace.progress import Progress
from chemspace.space import CompoundSpace
from oracle.descriptors import CationTable, space_descriptors
from screening.acquisition.analytic import log_expected_improvement
from screening.feasibility.model import FeasibilityModel
from screening.features import to_features
from screening.ranking.frame import lifetime_columns
from screening.ranking.nearest import MeasuredSet
from screening.ranking.stream import Predictor, Score, latent_sd, unexplained_variance

__all__ = ["CANDIDATE_COLUMNS", "PassEstimate", "estimate_pass", "write_candidates"]

#: Columns of the file, one row a compound in the order of the space; see `RANKING_COLUMNS` for the units. Numbers are
#: NaN where a cation has no descriptors; `nearest_measured` is empty and `distance` NaN where nothing is measured.
CANDIDATE_COLUMNS = (
    "index",
    "mean",
    "sd",
    "lifetime_ps",
    "lifetime_low_ps",
    "lifetime_high_ps",
    "acquisition",
    "feasibility",
    "nearest_measured",
    "distance",
    "in_domain",
)


@dataclass(frozen=True, slots=True)
class PassEstimate:
    """What a pass over a space will cost: compounds, seconds (from one measured block), bytes of its Parquet file."""

    n_compounds: int
    seconds: float
    file_bytes: int

    def __str__(self) -> str:
        span = f"{self.seconds:.0f} s" if self.seconds < 120 else f"{self.seconds / 60:.0f} min"
        size = f"{self.file_bytes / 1e6:,.0f} MB"
        return f"{self.n_compounds:,} compounds, about {span}; the numbers of all of them fill about {size}"


def estimate_pass(
    space: CompoundSpace,
    spacer_table: CationTable,
    cage_table: CationTable,
    surrogate: Predictor,
    block_size: int = 16384,
) -> PassEstimate:
    """Time one block taken from all over the space and scale it up; features and prediction are most of a pass."""
    size = min(block_size, len(space))
    block = space.take(np.linspace(0, len(space) - 1, size).astype(np.int64))
    begin = time.perf_counter()
    x = to_features(space_descriptors(space, block, spacer_table, cage_table))
    x = x[np.isfinite(x).all(axis=1)]
    if len(x):
        surrogate.predict(x, 4096)
    per_compound = (time.perf_counter() - begin) / size
    return PassEstimate(len(space), per_compound * len(space), 72 * len(space))


def write_candidates(
    path: Path,
    space: CompoundSpace,
    spacer_table: CationTable,
    cage_table: CationTable,
    surrogate: Predictor,
    feasibility: FeasibilityModel | None = None,
    *,
    best_observed: float,
    measured: MeasuredSet | None = None,
    score: Score = log_expected_improvement,
    block_size: int = 65536,
    progress: Progress | None = None,
) -> int:
    """Write `CANDIDATE_COLUMNS` of every compound to a Parquet file; returns the number of rows.

    Nothing is left out, measured compounds included; arguments as `rank`. The file appears under its name only when it
    is whole.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    bound = None if feasibility is None else feasibility.bind(space)
    unexplained, done = unexplained_variance(surrogate), 0
    partial = path.with_name(path.name + ".partial")
    writer: pq.ParquetWriter | None = None
    try:
        for block in space.blocks(block_size):
            x = to_features(space_descriptors(space, block, spacer_table, cage_table))
            log_p = np.zeros(len(x)) if bound is None else bound.log_probability(block)
            columns = _columns(x, surrogate, score, best_observed, unexplained, measured, log_p)
            table = pa.table({"index": block.index, **columns})
            writer = writer or pq.ParquetWriter(partial, table.schema)
            writer.write_table(table)
            done += len(x)
            if progress is not None:
                progress(done, len(space), "compounds written")
    finally:
        if writer is not None:
            writer.close()
    partial.replace(path)
    return done


def _columns(
    x: NDArray[np.float64],
    surrogate: Predictor,
    score: Score,
    best: float,
    unexplained: float,
    measured: MeasuredSet | None,
    log_p: NDArray[np.float64],
) -> dict[str, NDArray[np.float64] | NDArray[np.bool_] | Sequence[str]]:
    rows = np.flatnonzero(np.isfinite(x).all(axis=1))
    names = ("mean", "sd", "acquisition", "distance")
    number = {name: np.full(len(x), np.nan) for name in names}
    nearest, inside = [""] * len(x), np.zeros(len(x), dtype=bool)
    if rows.size:
        mean, sd = surrogate.predict(x[rows], 4096)
        number["mean"][rows], number["sd"][rows] = mean, sd
        number["acquisition"][rows] = score(mean, latent_sd(sd, unexplained), best) + log_p[rows]
        if measured is not None and measured.labels:
            near, distance = measured.nearest(x[rows])
            number["distance"][rows] = distance
            inside[rows] = distance <= measured.domain_radius
            for row, position in zip(rows, near, strict=True):
                nearest[row] = measured.labels[position]
    return {
        "mean": number["mean"],
        "sd": number["sd"],
        **lifetime_columns(number["mean"], number["sd"]),
        "acquisition": number["acquisition"],
        "feasibility": np.exp(log_p),
        "nearest_measured": nearest,
        "distance": number["distance"],
        "in_domain": inside,
    }
