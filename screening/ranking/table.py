"""Rank a user's own table of candidates (frame, CSV or Parquet of any size) with a surrogate and an acquisition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chemspace.progress import Progress
from screening.acquisition.named import get_acquisition
from screening.errors import NothingLeftError, RankingError
from screening.ranking.frame import add_nearest
from screening.ranking.nearest import MeasuredSet
from screening.ranking.stream import Predictor, latent_sd, predict, unexplained_variance
from screening.ranking.top import TopK

__all__ = ["TABLE_COLUMNS", "rank_table"]

Array = NDArray[np.float64]
#: Columns before the candidate's own: its row number in the table, counted from 0; mean and sd of a new measurement in
#: the target's unit; the acquisition; the nearest measured row, its distance, and whether that is in the domain.
TABLE_COLUMNS = ("row", "mean", "sd", "acquisition", "nearest_measured", "distance", "in_domain")


def rank_table(
    table: pd.DataFrame | Path | str,
    surrogate: Predictor,
    columns: Sequence[str],
    *,
    best_observed: float,
    acquisition: str = "log_ei",
    top_k: int = 1000,
    measured: MeasuredSet | None = None,
    block_size: int = 65_536,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """The best rows of a table, best first. A file is read in blocks, so memory does not grow with it.

    Args:
        table: candidates, a frame or the path of a CSV or Parquet file.
        surrogate: anything with `predict(x, chunk) -> (mean, sd)` of a target to be minimised.
        columns: the d descriptor columns, in the order of the surrogate's features. Rows with an empty cell in one of
            them are left out and counted in the frame's `attrs["n_incomplete"]`.
        best_observed: lowest target so far, from which improvement is counted.
        acquisition: one of `screening.acquisition.ACQUISITIONS`.
        top_k: rows to return.
        measured: for the nearest-measured columns; rows equal to a measured one are left out, counted in
            `attrs["n_measured"]`.
        block_size: rows scored at once; changes nothing but memory.
        progress: called after each block with (rows done, rows in all or 0 where a CSV does not say, note).

    Returns:
        Frame with `TABLE_COLUMNS` and then the candidates' own columns; ties are in the order of the table.

    Raises:
        RankingError: for columns that are missing or hold text, a surrogate that gives no number, an unknown
            acquisition, a file of another kind. NothingLeftError: if no row can be ranked.
    """
    if top_k < 1 or block_size < 1:
        raise RankingError(f"top_k and block_size must be at least 1, not {top_k} and {block_size}")
    score, unexplained = get_acquisition(acquisition), unexplained_variance(surrogate)
    top, kept, start = TopK(top_k), pd.DataFrame(), 0
    incomplete = known = 0
    for block, total in _blocks(table, block_size):
        x = _descriptors(block, columns, start)
        complete = np.isfinite(x).all(axis=1)
        old = _is_measured(x, measured)
        incomplete, known = incomplete + int((~complete).sum()), known + int((complete & old).sum())
        rows = np.flatnonzero(complete & ~old)
        if rows.size:
            mean, sd = predict(surrogate, x[rows])
            value = score(mean, latent_sd(sd, unexplained), best_observed)
            top.offer(value, rows + start)
            numbers = pd.DataFrame({"row": rows + start, "mean": mean, "sd": sd, "acquisition": value})
            kept = _keep(kept, numbers, block.iloc[rows], x[rows], measured, top.result()[0])
        start += len(block)
        if progress is not None:
            progress(start, total, "rows ranked")
    if kept.empty:
        raise NothingLeftError(
            f"no row is left to rank: of {start} rows {incomplete} have an empty descriptor and {known} are measured"
        )
    order = pd.Index(top.result()[0])
    result = kept.set_index("row", drop=False).loc[order].reset_index(drop=True)
    result.attrs.update(n_rows=start, n_incomplete=incomplete, n_measured=known)
    return result


def _blocks(table: pd.DataFrame | Path | str, size: int) -> Iterator[tuple[pd.DataFrame, int]]:
    """Blocks of rows and how many rows there are in all (0: not known before the end)."""
    if isinstance(table, pd.DataFrame):
        for start in range(0, len(table), size):
            yield table.iloc[start : start + size], len(table)
        return
    path = Path(table)
    if not path.is_file():
        raise RankingError(f"there is no file {path}")
    kind = path.suffix.lower()
    try:
        if kind == ".parquet":
            import pyarrow.parquet as pq

            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(size):
                    yield batch.to_pandas(), int(file.metadata.num_rows)
        elif kind == ".csv":
            with pd.read_csv(path, chunksize=size) as chunks:
                for chunk in chunks:
                    yield chunk, 0
        else:
            raise RankingError(f"{path.name}: a .csv or .parquet file is needed")
    except (ValueError, OSError) as error:
        raise RankingError(f"{path.name} cannot be read as {kind[1:]}: {error}") from error


def _descriptors(block: pd.DataFrame, columns: Sequence[str], start: int) -> Array:
    absent = [name for name in columns if name not in block.columns]
    if absent or not columns:
        what = f"column {absent[0]!r} is not there" if absent else "no descriptor columns were named"
        raise RankingError(f"{what}; the table has {', '.join(map(str, block.columns))}")
    part = block[list(columns)]
    numbers = part.apply(pd.to_numeric, errors="coerce")
    wrong = np.argwhere(numbers.isna().to_numpy() & part.notna().to_numpy())
    if wrong.size:
        row, column = wrong[0]
        raise RankingError(
            f"row {start + row + 1}, column {columns[column]!r}: {part.iloc[row, column]!r} is not a number"
        )
    values: Array = numbers.to_numpy(dtype=np.float64)
    return values


def _is_measured(x: Array, measured: MeasuredSet | None) -> NDArray[np.bool_]:
    if measured is None or not len(measured.labels):
        return np.zeros(len(x), dtype=bool)
    known = {row.tobytes() for row in np.ascontiguousarray(measured.x, dtype=np.float64)}
    return np.fromiter((row.tobytes() in known for row in np.ascontiguousarray(x)), dtype=bool, count=len(x))


def _keep(
    kept: pd.DataFrame,
    numbers: pd.DataFrame,
    own: pd.DataFrame,
    x: Array,
    measured: MeasuredSet | None,
    best: NDArray[np.int64],
) -> pd.DataFrame:
    """The kept rows that are still among the best, and those of this block that have become so."""
    new = np.flatnonzero(np.isin(numbers["row"], best))
    fresh = numbers.iloc[new].reset_index(drop=True)
    add_nearest(fresh, x[new], measured)
    rest = own.iloc[new].reset_index(drop=True)
    fresh = pd.concat([fresh, rest.drop(columns=[name for name in TABLE_COLUMNS if name in rest])], axis=1)
    if kept.empty:
        return fresh
    return pd.concat([kept[kept["row"].isin(best)], fresh], ignore_index=True)
