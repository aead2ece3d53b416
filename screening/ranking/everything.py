"""Every compound's numbers, streamed into a Parquet file in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chemspace.progress import Progress
from chemspace.space import CompoundSpace, SpaceBlock
from oracle.descriptors import CationTable, space_descriptors
from screening.acquisition.analytic import log_expected_improvement
from screening.feasibility.model import FeasibilityModel
from screening.features import to_features
from screening.ranking.aims import Aim, Lot
from screening.ranking.frame import RANKING_COLUMNS, lifetime_columns
from screening.ranking.nearest import MeasuredSet
from screening.ranking.stream import Predictor, Score, Scoring, predict, subset, unexplained_variance

__all__ = ["CANDIDATE_COLUMNS", "write_candidates"]

#: Columns of the file, one row a compound in the order of the space; see `RANKING_COLUMNS` for the units. Numbers are
#: NaN where a cation has no descriptors; `nearest_measured` is empty and `distance` NaN where nothing is measured.
CANDIDATE_COLUMNS = tuple(name for name in RANKING_COLUMNS if name != "formula")


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
    aim: Aim | Lot | None = None,
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
    scoring = Scoring(
        space, (spacer_table, cage_table), bound, score, best_observed, unexplained_variance(surrogate), aim=aim
    )
    done = 0
    partial = path.with_name(path.name + ".partial")
    writer: pq.ParquetWriter | None = None
    try:
        for block in space.blocks(block_size):
            table = pa.table({"index": block.index, **_columns(scoring, block, surrogate, measured)})
            writer = writer or pq.ParquetWriter(partial, table.schema)
            writer.write_table(table)
            done += len(block)
            if progress is not None:
                progress(done, len(space), "compounds written")
    finally:
        if writer is not None:
            writer.close()
    partial.replace(path)
    return done


def _columns(
    scoring: Scoring, block: SpaceBlock, surrogate: Predictor, measured: MeasuredSet | None
) -> dict[str, NDArray[np.float64] | NDArray[np.bool_] | Sequence[str]]:
    x = to_features(space_descriptors(scoring.space, block, *scoring.tables))
    rows = np.flatnonzero(np.isfinite(x).all(axis=1))
    names = ("mean", "sd", "acquisition", "distance")
    number = {name: np.full(len(x), np.nan) for name in names}
    nearest, inside = [""] * len(x), np.zeros(len(x), dtype=bool)
    if rows.size:
        mean, sd = predict(surrogate, x[rows])
        number["mean"][rows], number["sd"][rows] = mean, sd
        number["acquisition"][rows] = scoring.worth(mean, sd, x[rows], subset(block, rows))
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
        "feasibility": np.exp(scoring.log_feasibility(block)),
        "nearest_measured": nearest,
        "distance": number["distance"],
        "in_domain": inside,
    }
