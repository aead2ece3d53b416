"""Suggestions from any pool of candidates: no chemistry, no campaign, plain arrays; and a table of candidates beside a
table of results: what is learnt from them, and the rows to measure next."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from screening.batch import largest_gain, of_open_kind
from screening.calibration import chance_below, interval, teaches_most
from screening.devices import check_seed, one_thread
from screening.errors import NothingLeftError, PoolError, PoolWarning
from screening.ranking.candidates import TopK
from screening.strategies.strategy import MeasuredSet
from screening.table_features import NamedTable, Results, TableFeatures, TableQuery, read_features, read_results
from screening.table_model import FEWEST, InputScale, TableModel, TargetScale, fit_input_scale, fit_table_model

__all__ = ["PoolTable"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PoolProblem:
    """A checked problem.

    `pool` (m, d), `x` (k, d), `y` (k,) to be minimised, `noise` (k,) standard deviations (zeros where unknown),
    `pending` (p, d), `free` (m,) candidates that may be suggested, `far` the results that were too bad to be taken at
    their word.
    """

    pool: Array
    x: Array
    y: Array
    noise: Array
    pending: Array
    free: NDArray[np.bool_]
    far: NDArray[np.int64]

    def check_batch(self, batch_size: int) -> None:
        """Refuses a size that is none from 1 to what is left (`PoolError`), and any of nothing (`NothingLeftError`)."""
        if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer) or batch_size < 1:
            raise PoolError(f"batch_size is {batch_size!r}: a whole number of 1 or more")
        left = int(self.free.sum())
        if not left:
            raise NothingLeftError(
                f"all {len(self.free)} candidates are measured or pending: nothing is left to suggest"
            )
        if batch_size > left:
            raise PoolError(f"a batch of {batch_size} from {left} candidates that are neither measured nor pending")

    @property
    def target_scale(self) -> TargetScale:
        """Scale of the results."""
        return TargetScale.of(self.y)

    def model(self, scale: InputScale, repeats: NDArray[np.int64] | None = None) -> TableModel:
        """The engine fitted to the results; `repeats` (k,) as in `fit_table_model`."""
        target = self.target_scale
        return fit_table_model(scale(self.x), target.standard(self.y), target.variance(self.noise), repeats)


def check_pool(
    pool: ArrayLike,
    observed_x: ArrayLike,
    observed_y: ArrayLike,
    batch_size: int,
    minimize: bool,
    pending: ArrayLike | None,
    noise: ArrayLike | None,
) -> PoolProblem:
    """Check the arguments of `suggest_from_pool`, and put them in one form; `PoolError`, `NothingLeftError` as it."""
    if not isinstance(minimize, bool | np.bool_):
        raise PoolError(f"minimize is {minimize!r}: True or False")
    observed_x, pending = (
        _in_order(pool, name, part) for name, part in (("observed_x", observed_x), ("pending", pending))
    )
    table = _numbers("pool", pool, 2)
    if not table.size:
        raise NothingLeftError("the pool is empty: give at least one row of at least one descriptor")
    d = table.shape[1]
    x = _numbers("observed_x", observed_x, 2) if np.size(observed_x) else np.empty((0, d))
    if x.shape[1] != d:
        raise PoolError(f"observed_x has {x.shape[1]} columns, the pool {d}: the same descriptors in the same order")
    y = _numbers("observed_y", observed_y, 1) if np.size(observed_y) else np.empty(0)
    if len(y) != len(x):
        raise PoolError(f"observed_y has {len(y)} values for {len(x)} rows of observed_x: one value a row")
    points, rows = _pending(pending, table)
    free = np.ones(len(table), dtype=bool)
    free[rows] = False
    free &= ~equal_rows(table, np.vstack([x, points]))
    loss, far = winsorised(y if minimize else -y)
    problem = PoolProblem(table, x, loss, _noise(noise, len(y)), points, free, far)
    problem.check_batch(batch_size)
    return problem


def _in_order(pool: ArrayLike, name: str, values: Any) -> Any:
    """Columns of a frame in the order of the pool's; a `PoolError` if it lacks one. Anything else as it stands."""
    if not isinstance(pool, pd.DataFrame) or not isinstance(values, pd.DataFrame) or not len(values.columns):
        return values
    absent = [column for column in pool.columns if column not in values.columns]
    if absent:
        raise PoolError(f"{name} has no column {absent[0]!r}; it has {', '.join(map(str, values.columns))}")
    return values[list(pool.columns)]


#: Results are far off where the step from the others to them is so many times the span of the others, and where they
#: are no more than this share. Not by robust deviations: a search that closes in on the best makes these small.
_FAR, _FEW = 10.0, 1.0 / 3.0
#: Few results lie close together by chance: a step counts only where n results drawn evenly over it would lie as close
#: together as the others with no more than this chance, n (span / step)^(n - 1).
_CHANCE = 1.0e-5
#: Results of this size or more are refused: their differences leave the range of numbers.
_HUGE = 1.0e305


def winsorised(loss: Array) -> tuple[Array, NDArray[np.int64]]:
    """Results to be minimised (k,), those far worse than the others set to the worst of these, and their rows: how bad
    a bad result is cannot matter to a search, but would set the unit of all others."""
    nothing = np.empty(0, dtype=np.int64)
    order = np.argsort(loss, kind="stable")
    ranked = loss[order]
    span = ranked - ranked[:1]
    first = max(len(loss) - int(_FEW * len(loss)), 3)  # the others are these at least
    others = np.arange(first, len(loss))
    factor = np.maximum(_FAR, (others / _CHANCE) ** (1.0 / (others - 1.0)))
    steps = np.flatnonzero(np.diff(ranked)[first - 1 :] > factor * span[first - 1 : -1]) + first
    if not steps.size or not span[steps[0] - 1] > 0.0:
        return loss, nothing
    far = np.sort(order[steps[0] :])
    calm = loss.copy()
    calm[far] = ranked[steps[0] - 1]
    return calm, far


def _numbers(name: str, values: ArrayLike, dimensions: int) -> Array:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PoolError(f"{name} holds something that is no number ({error}): encode categories as numbers") from error
    if dimensions == 1 and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != dimensions:
        shape = "(rows, descriptors)" if dimensions == 2 else "(rows,)"
        raise PoolError(f"{name} has shape {array.shape}: {shape} is needed")
    if dimensions == 1 and (np.abs(array) >= _HUGE).any() and np.isfinite(array).all():
        row = int(np.argmax(np.abs(array) >= _HUGE))
        raise PoolError(f"{name} has {array[row]:g} in row {row}: numbers below {_HUGE:g} are needed")
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))
        place = f"row {where[0][0]}" + (f", column {where[0][1]}" if dimensions == 2 else "")
        raise PoolError(
            f"{name} has {len(where)} entries that are NaN or infinite, the first in {place}: drop those rows or "
            "columns, or fill them with what you know"
        )
    return array


def _pending(pending: ArrayLike | None, pool: Array) -> tuple[Array, NDArray[np.int64]]:
    """Descriptors of what is pending and the pool rows among it; one-dimensional input is read as pool indices."""
    array = np.asarray([] if pending is None else pending)
    if not array.size:
        return np.empty((0, pool.shape[1])), np.empty(0, dtype=np.int64)
    if array.ndim == 1 and np.issubdtype(array.dtype, np.integer):
        outside = array[(array < 0) | (array >= len(pool))]
        if outside.size:
            raise PoolError(
                f"pending index {outside[0]} is outside the pool of {len(pool)} rows (0 to {len(pool) - 1})"
            )
        rows = np.unique(array).astype(np.int64)
        return pool[rows], rows
    points = _numbers("pending", array, 2)
    if points.shape[1] != pool.shape[1]:
        raise PoolError(f"pending has {points.shape[1]} columns, the pool {pool.shape[1]}; or give rows of the pool")
    return points, np.empty(0, dtype=np.int64)


def _noise(noise: Any, k: int) -> Array:
    if noise is None:
        return np.zeros(k)
    array = np.asarray(noise, dtype=np.float64)
    if array.ndim == 0:
        array = np.full(k, float(array))
    if array.shape != (k,):
        raise PoolError(f"noise: {k} standard deviations of 0 or more are needed, or one for all, not {array.shape}")
    bad = np.flatnonzero(~(np.isfinite(array) & (array >= 0.0)))
    if bad.size:
        raise PoolError(f"noise is {array[bad[0]]:g} in row {bad[0]}: a standard deviation of 0 or more is needed")
    return array


#: Numbers that differ by less than this share of their column's span are the same: files round.
_SAME = 1.0e-9


def equal_rows(table: Array, rows: Array) -> NDArray[np.bool_]:
    """Which rows of the table (m, d) equal one of `rows` (k, d) in every number but for rounding, shape (m,)."""
    found = np.zeros(len(table), dtype=bool)
    if not len(rows) or not len(table):
        return found
    suspects = np.arange(len(table))
    tolerance = _SAME * (
        np.maximum(table.max(axis=0), rows.max(axis=0)) - np.minimum(table.min(axis=0), rows.min(axis=0))
    )
    for column in range(table.shape[1]):  # each sorts out most of what is left
        known, values = np.unique(rows[:, column]), table[suspects, column]
        right = np.minimum(np.searchsorted(known, values), len(known) - 1)
        near = np.minimum(np.abs(values - known[right]), np.abs(values - known[np.maximum(right - 1, 0)]))
        suspects = suspects[near <= tolerance[column]]
    codes = row_codes(np.vstack([table[suspects], rows]), tolerance)
    found[suspects] = np.isin(codes[: len(suspects)], codes[len(suspects) :])
    return found


def row_codes(rows: Array, tolerance: Array | None = None) -> NDArray[np.int64]:
    """A number for each row (k, d), shape (k,), equal where the rows are but for rounding."""
    if tolerance is None:
        tolerance = _SAME * np.ptp(rows, axis=0) if len(rows) else np.zeros(rows.shape[1])
    codes = np.empty(rows.shape, dtype=np.int64)
    for column in range(rows.shape[1]):
        order = np.argsort(rows[:, column], kind="stable")
        steps = np.diff(rows[order, column], prepend=rows[order[:1], column]) > tolerance[column]
        codes[order, column] = np.cumsum(steps)
    result: NDArray[np.int64] = np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1)
    return result


_BLOCK = 8192
#: Candidates that enter the exact choice: the best of the pass, and the best of a random sample in case the best of the
#: pass are all neighbours of one another.
_BEST, _SAMPLED, _SAMPLED_FROM = 4000, 250, 5000


def shortlist(
    model: TableModel, scale: InputScale, pool: Array, free: NDArray[np.bool_], seed: int
) -> NDArray[np.int64]:
    """Rows of `pool` (m, d) for exact treatment, ascending, shape (at most 4250,): all `free` (m,) where few."""
    rows = np.flatnonzero(free)
    if len(rows) <= _BEST + _SAMPLED:
        return rows
    top = TopK(_BEST)
    sampled = np.zeros(len(pool), dtype=bool)
    sampled[np.random.default_rng(seed).choice(rows, size=min(_SAMPLED_FROM, len(rows)), replace=False)] = True
    spread = TopK(_SAMPLED)
    for start in range(0, len(pool), _BLOCK):
        index = np.arange(start, min(start + _BLOCK, len(pool)))
        index = index[free[index]]
        value = model.first_look(scale(pool[index], roughly=True))
        top.offer(value, index)
        some = sampled[index]
        spread.offer(value[some], index[some])
    return np.union1d(top.result()[0], spread.result()[0])


def choose_from_pool(
    model: TableModel,
    x: Array,
    awaited: Array,
    rows: NDArray[np.int64],
    q: int,
    seed: int,
    teaching: int | None = None,
) -> NDArray[np.int64]:
    """q of the shortlisted rows (s,), scaled x (s, c), one by one, each for its gain beyond every awaited (p, c) and
    chosen one; `teaching` of them are of those that teach most."""
    chosen: list[int] = []
    open_rows, teaches = np.ones(len(rows), dtype=bool), np.empty(0, dtype=bool)
    most = (alone := model.log_improvement(x)).copy()  # what each gains at most
    if teaching is not None:
        mean, variance = model.predict(x)
        teaches = teaches_most(mean, np.sqrt(variance))

    def gains(own: NDArray[np.int64], points: Array) -> Array:
        return model.log_gain(x[own], points, seed) if len(points) else alone[own]

    while len(chosen) < q:
        fits = open_rows if teaching is None else of_open_kind(open_rows, teaches, chosen, (q - teaching, teaching))
        pick = largest_gain(np.flatnonzero(fits), partial(gains, points=np.vstack([awaited, x[chosen]])), most)
        chosen.append(pick)
        open_rows[pick] = False
        twins = np.flatnonzero(open_rows & (x == x[pick]).all(axis=1))
        if open_rows.sum() - len(twins) >= q - len(chosen):
            open_rows[twins] = False  # a twin teaches nothing more, unless twins are all that is left
    return rows[chosen]


def suggest_from_pool(  # noqa: PLR0913  # plain arrays in, as users of other optimisers hand them
    pool: ArrayLike,
    observed_x: ArrayLike,
    observed_y: ArrayLike,
    batch_size: int = 1,
    seed: int = 42,
    minimize: bool = True,
    pending: ArrayLike | None = None,
    noise: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Rows of a pool of candidates to measure next.

    Stateless: equal arguments give equal rows, no global random state is read or changed. Candidates equal to an
    observed or pending point are never suggested.

    Args:
        pool: descriptors of the candidates, shape (m, d).
        observed_x: descriptors of what has been measured, shape (k, d); need not lie in the pool; may be empty, then
            the rows returned spread over the pool. Of two data frames the columns are matched by their names.
        observed_y: results, shape (k,); replicates are separate rows. One that is far worse than all others counts as
            the worst of these, with a `PoolWarning`; one that is far better brings one, too.
        batch_size: rows to return, chosen together.
        seed: of ties and quasi-random samples.
        minimize: whether small results are good.
        pending: what is being measured now: row numbers of the pool, shape (p,), or descriptors, shape (p, d).
        noise: known standard deviation of each result, shape (k,), or one for all; noise beyond it is learnt.

    Returns:
        Row numbers, shape (batch_size,), in the order they were chosen.

    Raises:
        PoolError: for arrays that do not fit, NaN, a batch larger than what is left, pending rows outside the pool, a
            seed that is no whole number of 0 or more.
        NothingLeftError: if the pool is empty or all of it is measured or pending.

    Example:
        >>> import numpy as np
        >>> from screening import suggest_from_pool
        >>> pool = np.linspace(0.0, 1.0, 11)[:, None]
        >>> measured = np.array([0, 5, 10])
        >>> result = (pool[measured, 0] - 0.3) ** 2
        >>> suggest_from_pool(pool, pool[measured], result, batch_size=2).shape
        (2,)
    """
    seed = check_seed(seed, PoolError)
    problem = check_pool(pool, observed_x, observed_y, batch_size, minimize, pending, noise)
    worse, better = (problem.far, "worse", "counted as the worst of them"), winsorised(-problem.y)[1]
    for far, how, told in (worse, (better, "better", "hard to beat; is it a slip?")):
        if far.size:
            count = "1 result is" if len(far) == 1 else f"{len(far)} results are"
            said = f"{count} far {how} than the others (row {far[0]} first) and {told}"
            warnings.warn(said, PoolWarning, stacklevel=2)
    return choose_rows(problem, batch_size, seed)


def choose_rows(problem: PoolProblem, batch_size: int, seed: int, teaching: int | None = None) -> NDArray[np.int64]:
    """Rows of a checked problem to measure next, shape (batch_size,), in the order they were chosen."""
    scale = fit_input_scale(problem.pool, np.vstack([problem.x, problem.pending]))
    if not len(scale.kept):
        return np.random.default_rng(seed).permutation(np.flatnonzero(problem.free))[:batch_size]
    if not len(problem.y):
        return _spread(problem, scale, batch_size, seed)
    # Many small matrices: a second BLAS thread makes 10^6 candidates cost six times the CPU seconds.
    with threadpool_limits(1), one_thread():
        return choose_batch(problem, problem.model(scale), scale, batch_size, seed, teaching)


def choose_batch(
    problem: PoolProblem,
    model: TableModel,
    scale: InputScale,
    batch_size: int,
    seed: int,
    teaching: int | None = None,
) -> NDArray[np.int64]:
    """The same, shape (batch_size,), by a model that is fitted already."""
    rows = shortlist(model, scale, problem.pool, problem.free, seed)
    x, awaited = scale(problem.pool[rows]), scale(problem.pending)
    return choose_from_pool(model, x, awaited, rows, batch_size, seed, teaching)


def _spread(problem: PoolProblem, scale: InputScale, q: int, seed: int) -> NDArray[np.int64]:
    """Before the first result: a random candidate, then each time the farthest (doi 10.1080/00401706.1969.10490666)."""
    rows = np.flatnonzero(problem.free)
    x = scale(problem.pool[rows])
    chosen: list[int] = []
    distance = np.full(len(rows), np.inf)
    for point in scale(problem.pending):
        distance = np.minimum(distance, ((x - point) ** 2).sum(axis=1))
    while len(chosen) < q:
        first = not chosen and not len(problem.pending)
        pick = int(np.random.default_rng(seed).integers(len(rows))) if first else int(np.argmax(distance))
        chosen.append(pick)
        distance = np.minimum(distance, ((x - x[pick]) ** 2).sum(axis=1))
        distance[chosen] = -1.0
    return rows[chosen]


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
        >>> from screening.pool import PoolTable
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
