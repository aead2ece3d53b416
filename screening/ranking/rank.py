"""Rank every compound of a space: one streamed pass, the shortlist checked in double precision."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chemspace.progress import Announcement, Progress
from chemspace.space import CompoundSpace, SpaceBlock
from oracle.descriptors import CationTable, space_descriptors
from screening.errors import NothingLeftError, RankingError
from screening.feasibility.model import FeasibilityModel
from screening.features import to_features
from screening.ranking.aims import Aim, Desire, Lot
from screening.ranking.cluster import stream_on
from screening.ranking.frame import RANKING_COLUMNS, MeasuredSet, Ranking, add_nearest, lifetime_columns
from screening.ranking.stream import (
    Counts,
    Predictor,
    Score,
    Scoring,
    SinglePrecision,
    TopK,
    cores,
    latent_sd,
    predict,
    stream,
    subset,
    unexplained_variance,
)
from screening.ranking.tradeoff import Tradeoff
from screening.strategies.acquisition import get_acquisition, log_expected_improvement

if TYPE_CHECKING:
    from screening.ranking.bounds import PredictionBounds


#: Blocks that are timed, spread over the space.
_TIMED = 3


@dataclass(frozen=True, slots=True)
class PassEstimate:
    """Compounds that the constraints allow, seconds of a pass over them, and bytes of a file of their numbers (None
    where none is written)."""

    n_compounds: int
    seconds: float
    file_bytes: int | None = None

    def __str__(self) -> str:
        span = f"{self.seconds:.0f} s" if self.seconds < 120 else f"{self.seconds / 60:.0f} min"
        size = "" if self.file_bytes is None else f", a file of about {self.file_bytes / 1e6:,.0f} MB"
        return f"{self.n_compounds:,} compounds, about {span}{size}"


def estimate_pass(
    scoring: Scoring,
    predictor: Predictor,
    bounds: PredictionBounds | None,
    keep: int,
    block_size: int = 16384,
    workers: int = 1,
) -> PassEstimate:
    """Time whole blocks from several places, with the threshold that the pass will soon have.

    Args:
        scoring: of the pass.
        predictor: of the rate.
        bounds: that spare predictions, or None.
        keep: compounds the pass keeps; where its list ends is read off a sample.
        block_size: compounds a block.
        workers: threads of the pass.
    """
    space = scoring.space
    size = min(block_size, len(space))
    sample = space.take(np.linspace(0, len(space) - 1, size).astype(np.int64))
    value = np.sort(scoring.block_numbers(predictor, None, (sample, -np.inf))[1])[::-1]
    place = keep * size // len(space)
    threshold = float(value[place]) if place < len(value) else -np.inf
    spent = []
    for share in np.linspace(0.2, 0.8, _TIMED):
        start = int(share * (len(space) - size))
        block = space.take(np.arange(start, start + size))
        begin = time.perf_counter()
        scoring.block_numbers(predictor, bounds, (block, threshold))
        spent.append(time.perf_counter() - begin)
    count = scoring.n_allowed
    return PassEstimate(count, median(spent) / size * count / workers)


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
        acquisition: one of `screening.strategies.ACQUISITIONS`.
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
