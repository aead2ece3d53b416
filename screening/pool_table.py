"""A table of candidates beside a table of results: what is learnt from them, and the rows to measure next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from screening.calibration import chance_below, interval
from screening.devices import check_seed, one_thread
from screening.errors import NothingLeftError, PoolError
from screening.pool import PoolProblem, choose_batch, choose_rows, equal_rows, row_codes, winsorised
from screening.strategies.strategy import MeasuredSet
from screening.table_features import NamedTable, Results, TableFeatures, TableQuery, read_features, read_results
from screening.table_model import FEWEST, InputScale, TableModel, fit_input_scale

__all__ = ["PoolTable"]

Array = NDArray[np.float64]
#: Columns added to a candidate's row. `acquisition` is log expected improvement in units of the target's spread;
#: `low` and `high` bound the central 90% of a new measurement, `chance_best` is the chance that it beats the best so
#: far, NaN like `sd` where nothing can be said about it; `nearest_row` is a row number of the observed table.
_PREDICTED = ("mean", "sd", "low", "high", "chance_best", "acquisition")
POOL_COLUMNS = ("row", *_PREDICTED, "nearest_row", "distance", "in_domain")
_FRAME_BLOCK = 65_536
#: So many differences of replicates from their means say how large the error of a result is.
_REPLICATES = 5
#: Results from which the radius of the domain is read.
_REFERENCE = 1000


@dataclass(frozen=True)
class Measured:
    """Results by candidate."""

    x: Array  #: features, shape (k, d)
    y: Array  #: results, shape (k,)
    noise: Array  #: their standard deviations, shape (k,), zeros where unknown
    row: NDArray[np.int64]  #: row of the observed table each stands for, the first of its replicates, shape (k,)
    repeats: NDArray[np.int64]  #: results of one number are of the same candidate, shape (k,)
    replicated: int  #: candidates measured more than once


def merge_replicates(x: Array, identity: Array, results: Results, replicates: str) -> Measured:
    """Results of equal rows as one ("mean") or as they stand ("rows"), from features (k, d) and what tells rows apart
    (k, e).

    The mean of n results has the error s / sqrt n, where s is the pooled standard deviation of all replicates, once
    there are `_REPLICATES` differences to tell it from; stated errors weigh the mean.
    """
    codes, rows = row_codes(identity), np.arange(len(x))
    counts = np.bincount(codes) if len(x) else np.empty(0, dtype=np.int64)
    replicated = int((counts > 1).sum())
    noise = np.zeros(len(x)) if results.noise is None else results.noise
    if replicates == "rows" or not replicated:
        return Measured(x, results.y, noise, rows, codes, replicated)
    stated = results.noise is not None and bool((noise > 0.0).all())
    weight = noise**-2.0 if stated else np.ones(len(x))
    total = np.bincount(codes, weight)
    # differences from the first of each: the mean of equal results is that result to the last digit
    first = np.unique(codes, return_index=True)[1]
    mean = results.y[first] + np.bincount(codes, weight * (results.y - results.y[first][codes])) / total
    error = np.asarray(total**-0.5 if stated else np.zeros(len(total)), dtype=np.float64)
    freedom = len(x) - len(total)
    if not stated and freedom >= _REPLICATES:
        error = np.sqrt(((results.y - mean[codes]) ** 2).sum() / freedom / counts)
    order = np.argsort(first)  # as they stand in the table
    return Measured(x[first][order], mean[order], error[order], first[order], np.arange(len(first)), replicated)


@dataclass(frozen=True)
class PoolTable:
    """Candidates and results in one form.

    Example:
        >>> import pandas as pd
        >>> from screening.pool_table import PoolTable
        >>> from screening.table_features import TableQuery
        >>> pool = pd.DataFrame({"ligand": list("AABBCC"), "temp": [80, 100] * 3})
        >>> observed = pool.iloc[:2].assign(rate=[12.0, 25.0])
        >>> PoolTable.of(pool, observed, TableQuery("rate")).suggest(4)["row"].min()
        2
    """

    pool: pd.DataFrame  #: the candidates as they were handed in
    query: TableQuery  #: what was asked
    features: TableFeatures  #: what was made of the columns
    problem: PoolProblem  #: the same as arrays
    measured: Measured  #: the results that are learnt from
    remarks: tuple[str, ...]  #: what the user should know, as sentences

    @classmethod
    def of(
        cls, pool: pd.DataFrame, observed: pd.DataFrame | None, query: TableQuery, pending: pd.DataFrame | None = None
    ) -> PoolTable:
        """Read the tables: m candidates; measured rows with the pool's columns and the target, those whose result is
        still to come being pending, None before anything is known; and rows that are being measured. A `PoolError` for
        columns or cells that cannot be used, a `NothingLeftError` if no candidate is left."""
        if not len(pool):
            raise NothingLeftError("the pool has no rows: give at least one candidate")
        tables = [NamedTable("the pool", pool)]
        if observed is not None and len(observed):
            tables.append(NamedTable("the observed table", observed))
            results = read_results(tables[1], query)
        else:
            nothing = np.empty(0, dtype=bool)
            observed, results = None, Results(np.empty(0), None, (), nothing, nothing)
        if pending is not None and len(pending):
            tables.append(NamedTable("the pending table", pending))
        features = read_features(tables, query)
        lost = [name for name, why in features.left_out.items() if why == "not in the pending table"]
        if lost and (needed := sorted(set(lost) & set(read_features(tables[:-1], query).names))):
            raise PoolError(f"the pending table has no column {needed[0]!r}, which is learnt from")
        d, e = features.x[0].shape[1], features.identity[0].shape[1]
        x, identity = (
            (features.x[1], features.identity[1]) if observed is not None else (np.empty((0, d)), np.empty((0, e)))
        )
        read = features.rows[1] if observed is not None else np.empty(0, dtype=np.int64)
        values, noise = results.y[read], None if results.noise is None else results.noise[read]
        there, unread = np.isfinite(values), results.unread[read]
        # in one table for both, the rows without a result are the candidates
        open_rows = results.blank[read] & (observed is not None and observed.equals(pool))
        awaited_x, awaited = [x[~there & ~open_rows]], [identity[~open_rows]]
        if pending is not None and len(pending):
            awaited_x.append(features.x[-1])
            awaited.append(features.identity[-1])
        known = replace(results, y=values[there], noise=None if noise is None else noise[there])
        measured = merge_replicates(x[there], identity[there], known, query.replicates)
        measured = replace(measured, row=read[there][measured.row])
        loss, far = winsorised(measured.y if query.minimize else -measured.y)
        free = np.zeros(len(pool), dtype=bool)
        free[features.rows[0]] = ~equal_rows(features.identity[0], np.vstack(awaited))
        whole = np.zeros((len(pool), d))
        whole[features.rows[0]] = features.x[0]
        problem = PoolProblem(whole, measured.x, loss, measured.noise, np.vstack(awaited_x), free, far)
        said = results.remarks + features.remarks
        if open_rows.any():
            said += (f"one table for both: its {int(open_rows.sum()):,} rows without a result are the candidates",)
        remarks = _remarks(
            query, measured, problem, (int(there.sum()), int((~there & ~open_rows & ~unread).sum())), said
        )
        return cls(pool, query, features, problem, measured, remarks)

    @property
    def sentence(self) -> str:
        """What is learnt from what, and what is left out and why."""
        return self.features.sentence(self.query if len(self.measured.y) else None)

    @property
    def spread_is_known(self) -> bool:
        """Whether an interval can be given."""
        return bool(len(self.measured.y)) and self._model.calibration is not None

    @property
    def why_no_spread(self) -> str:
        """Why no interval can be given."""
        k = len(np.unique(self.measured.repeats))
        if k >= FEWEST:
            return f"all {k} results are the same: nothing can be said about the spread of another"
        return (
            f"nothing can be said about the spread of a result from {k} measured candidate{'s' * (k > 1)}: an interval "
            f"needs {FEWEST}"
        )

    @cached_property
    def _scale(self) -> InputScale:
        return fit_input_scale(self.problem.pool, np.vstack([self.problem.x, self.problem.pending]))

    @cached_property
    def _model(self) -> TableModel:
        with threadpool_limits(1), one_thread():
            return self.problem.model(self._scale, self.measured.repeats)

    @cached_property
    def _reference(self) -> tuple[MeasuredSet, float]:
        """What is measured, and the radius of its domain; of many results that of an evenly spaced part."""
        x = self._scale(self.problem.x)
        part = x[:: -(-len(x) // _REFERENCE)]
        measured, some = (MeasuredSet(("",) * len(rows), rows) for rows in (x, part))
        return measured, some.domain_radius

    def suggest(self, batch_size: int = 5, seed: int = 42) -> pd.DataFrame:
        """The next rows, `POOL_COLUMNS` before their own columns, in the order chosen.

        Before the first result they spread over the pool, and `row` is the only column added.

        Raises:
            PoolError: for a batch larger than what is left. NothingLeftError: if nothing is.
        """
        seed = check_seed(seed, PoolError)
        self.problem.check_batch(batch_size)
        if not len(self.measured.y) or not len(self._scale.kept):
            chosen = choose_rows(self.problem, batch_size, seed)
            return self._with_own_columns(pd.DataFrame({"row": chosen}))
        with threadpool_limits(1), one_thread():
            chosen = choose_batch(self.problem, self._model, self._scale, batch_size, seed)
            return self._with_own_columns(self._numbers(chosen))

    def score(self) -> pd.DataFrame:
        """`POOL_COLUMNS` for every candidate in the pool's order, measured ones included, and its own columns; a
        `PoolError` before the first result."""
        if not len(self.measured.y):
            raise PoolError("nothing is measured yet: there is nothing to predict from")
        m = len(self.pool)
        with threadpool_limits(1), one_thread():
            blocks = [np.arange(start, min(start + _FRAME_BLOCK, m)) for start in range(0, m, _FRAME_BLOCK)]
            numbers = pd.concat([self._numbers(block) for block in blocks], ignore_index=True)
        unread = np.setdiff1d(np.arange(m), self.features.rows[0])
        numbers.loc[unread, [*_PREDICTED, "distance"]] = np.nan
        return self._with_own_columns(numbers)

    def _with_own_columns(self, numbers: pd.DataFrame) -> pd.DataFrame:
        own = self.pool.iloc[numbers["row"].to_numpy()].reset_index(drop=True)
        own = own.rename(columns={name: f"{name} in the pool" for name in own if name in numbers})
        return pd.concat([numbers.reset_index(drop=True), own], axis=1)

    def _numbers(self, rows: NDArray[np.int64]) -> pd.DataFrame:
        """The numbers of some candidates in the target's own unit."""
        x, model, target = self._scale(self.problem.pool[rows]), self._model, self.problem.target_scale
        mean, variance = model.predict(x)
        # of equal results nothing is known but their value, whatever its unit
        known = mean if np.ptp(self.problem.y) > 0.0 else np.zeros_like(mean)
        centre = target.original(known) * (1.0 if self.query.minimize else -1.0) + 0.0  # no -0
        sd = target.unit * np.sqrt(variance + model.noise) * (np.nan if model.calibration is None else 1.0)
        low, high = interval(centre, sd)
        chance = chance_below(model.best, mean, sd / target.unit)
        reference, radius = self._reference
        near, distance = reference.nearest(x)
        gain = model.log_improvement(x)
        values = (rows, centre, sd, low, high, chance, gain, self.measured.row[near], distance)
        return pd.DataFrame(dict(zip(POOL_COLUMNS, (*values, distance <= radius), strict=True)))


def _remarks(
    query: TableQuery, measured: Measured, problem: PoolProblem, counts: tuple[int, int], read: tuple[str, ...]
) -> tuple[str, ...]:
    said = list(read)
    known, awaited = counts
    if awaited:
        said.append(
            f"{awaited} rows without a result are taken as being measured"
            if awaited > 1
            else "1 row without a result is taken as being measured"
        )
    if measured.replicated:
        how = "their means are learnt from" if query.replicates == "mean" else "each result is learnt from"
        count = len(np.unique(measured.repeats))
        said.append(f"{count:,} candidate{'s' * (count > 1)} in {known:,} results: {how} (--replicates)")
    if problem.far.size:
        worst = float(problem.y.max()) * (1.0 if query.minimize else -1.0)
        rows = ", ".join(f"row {measured.row[at] + 1}: {measured.y[at]:g}" for at in problem.far[:3])
        more = f" and {len(problem.far) - 3} more" if len(problem.far) > 3 else ""
        said.append(f"far worse than all others, and counted as {worst:g}, the worst of these: {rows}{more}")
    if (better := winsorised(-problem.y)[1]).size:
        rows = ", ".join(f"row {measured.row[at] + 1}: {measured.y[at]:g}" for at in better[:3])
        said.append(f"far better than all others: {rows}; if it is a slip, correct it: nothing is expected to beat it")
    return tuple(said)
