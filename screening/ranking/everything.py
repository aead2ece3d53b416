"""Every compound's numbers, streamed into a Parquet file in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from chemspace.progress import Progress
from chemspace.space import CompoundSpace, SpaceBlock
from oracle.descriptors import CationTable, space_descriptors
from screening.acquisition.analytic import log_expected_improvement
from screening.feasibility.model import FeasibilityModel
from screening.features import to_features
from screening.ranking.aims import Aim, Lot
from screening.ranking.frame import RANKING_COLUMNS, add_nearest, lifetime_columns
from screening.ranking.nearest import MeasuredSet
from screening.ranking.stream import Predictor, Score, Scoring, predict, subset, unexplained_variance

__all__ = ["CANDIDATE_COLUMNS", "write_candidates"]

#: Columns of the file, one row a compound in the order of the space, before those of the aim and of the properties; see
#: `RANKING_COLUMNS` for the units. Numbers are NaN where a cation has no descriptors; `nearest_measured` is empty and
#: `distance` NaN where nothing is measured.
CANDIDATE_COLUMNS = RANKING_COLUMNS


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
    properties: Mapping[str, Predictor] = MappingProxyType({}),
    block_size: int = 65536,
    progress: Progress | None = None,
) -> int:
    """Write `CANDIDATE_COLUMNS` of every compound to a Parquet file; returns the number of rows.

    Nothing that the space's constraints allow is left out, measured compounds included. The file appears under its name
    only when it is whole.

    Args:
        path: of the file.
        properties: further predictors by name; each adds a column of its means and one of its standard deviations,
            NAME_sd.
        block_size: compounds held at once.
        progress: called after each block.

    The others are those of `rank`.
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
        try:
            for block in space.blocks(block_size):
                numbers = _numbers(scoring, block, surrogate, measured, properties)
                table = pa.Table.from_pandas(numbers, preserve_index=False)
                writer = writer or pq.ParquetWriter(partial, table.schema)
                writer.write_table(table)
                done += len(block)
                if progress is not None:
                    progress(done, max(scoring.n_allowed, done), "compounds written")
        finally:
            if writer is not None:
                writer.close()
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return done


def _numbers(
    scoring: Scoring,
    block: SpaceBlock,
    surrogate: Predictor,
    measured: MeasuredSet | None,
    properties: Mapping[str, Predictor],
) -> pd.DataFrame:
    x = to_features(space_descriptors(scoring.space, block, *scoring.tables))
    rows = np.flatnonzero(np.isfinite(x).all(axis=1))
    part, x = subset(block, rows), x[rows]
    mean, sd = predict(surrogate, x)
    told = pd.DataFrame({"mean": mean, "sd": sd, **lifetime_columns(mean, sd)}, index=rows)
    told["acquisition"] = scoring.worth(mean, sd, x, part)
    add_nearest(told, x, measured)
    for name, values in scoring.columns(mean, sd, x, part).items():
        if name not in CANDIDATE_COLUMNS:
            told[name] = values
    for name, predictor in properties.items():
        told[name], told[f"{name}_sd"] = predict(predictor, x)
    every = told.reindex(range(len(block)))
    every["index"] = block.index
    every["formula"] = [scoring.space[int(index)].formula for index in block.index]
    every["feasibility"] = np.exp(scoring.log_feasibility(block))
    every["nearest_measured"] = every["nearest_measured"].fillna("").astype(str)
    every["in_domain"] = every["in_domain"].eq(True)
    return every[[*CANDIDATE_COLUMNS, *(name for name in every if name not in CANDIDATE_COLUMNS)]]
