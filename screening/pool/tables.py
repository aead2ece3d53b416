"""A pool and its measurements as frames with the same descriptor columns: suggestions with the numbers behind them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from screening.errors import PoolError
from screening.pool.checks import PoolProblem, check_pool
from screening.pool.committee import Committee, fit_committee
from screening.pool.scaling import InputScale, fit_input_scale, standardise_target
from screening.pool.select import choose_from_pool, shortlist
from screening.ranking.nearest import MeasuredSet

__all__ = ["POOL_COLUMNS", "score_table", "suggest_from_table"]

Array = NDArray[np.float64]
#: Columns added to a candidate's row. `acquisition` is log expected improvement in units of the target's spread;
#: `low` and `high` bound the central 90% of a new measurement; `nearest_row` is a row number of the observed table.
POOL_COLUMNS = ("row", "mean", "sd", "low", "high", "acquisition", "nearest_row", "distance", "in_domain")
_Z90 = float(norm.ppf(0.95))
_BLOCK = 65_536


def suggest_from_table(
    pool: pd.DataFrame,
    observed: pd.DataFrame,
    target: str,
    batch_size: int = 5,
    *,
    minimize: bool = True,
    columns: Sequence[str] | None = None,
    noise: str | None = None,
    seed: int = 42,
) -> pd.DataFrame:
    """The next rows of a table of candidates, with `POOL_COLUMNS` before their own columns, in the order chosen.

    Args:
        pool: candidates, m rows. observed: measured rows with the same descriptor columns and the target.
        target: column of `observed` with the results. batch_size: rows to return.
        minimize: whether small results are good.
        columns: descriptors; by default the numeric columns that both tables have.
        noise: column of `observed` with standard deviations of the results.
        seed: as in `suggest_from_pool`.

    Raises:
        PoolError: for columns that are missing, and as `suggest_from_pool`. NothingLeftError: as there.
    """
    problem = _problem(pool, observed, target, batch_size, minimize, columns, noise)
    with threadpool_limits(1):
        committee, scale = _fit(problem)
        rows = shortlist(committee, scale, problem.pool, problem.free, seed)
        chosen = choose_from_pool(committee, scale(problem.pool[rows]), scale(problem.pending), rows, batch_size, seed)
        numbers = _numbers(problem, committee, scale, chosen, minimize)
    own = pool.iloc[chosen].reset_index(drop=True)
    return pd.concat([numbers.reset_index(drop=True), own.drop(columns=[c for c in POOL_COLUMNS if c in own])], axis=1)


def score_table(
    pool: pd.DataFrame,
    observed: pd.DataFrame,
    target: str,
    *,
    minimize: bool = True,
    columns: Sequence[str] | None = None,
    noise: str | None = None,
) -> pd.DataFrame:
    """`POOL_COLUMNS` for every candidate in the pool's order, measured ones included; arguments as above.

    Write it with `to_parquet`. Memory: nine numbers a candidate.
    """
    problem = _problem(pool, observed, target, 1, minimize, columns, noise)
    with threadpool_limits(1):
        committee, scale = _fit(problem)
        parts = [
            _numbers(problem, committee, scale, np.arange(start, min(start + _BLOCK, len(pool))), minimize)
            for start in range(0, len(pool), _BLOCK)
        ]
    return pd.concat(parts, ignore_index=True)


def _problem(
    pool: pd.DataFrame,
    observed: pd.DataFrame,
    target: str,
    batch_size: int,
    minimize: bool,
    columns: Sequence[str] | None,
    noise: str | None,
) -> PoolProblem:
    for name in [target] if noise is None else [target, noise]:
        if name not in observed.columns:
            raise PoolError(
                f"the observed table has no column {name!r}; it has {', '.join(map(str, observed.columns))}"
            )
    both = [str(name) for name in pool.select_dtypes("number").columns if name in observed.columns]
    names = [name for name in both if name not in {target, noise}] if columns is None else list(columns)
    absent = [name for name in names if name not in pool.columns or name not in observed.columns]
    if absent or not names:
        what = f"column {absent[0]!r} is not in both tables" if absent else "the tables share no numeric column"
        raise PoolError(f"{what}: the pool has {', '.join(map(str, pool.columns))}")
    if not len(observed):
        raise PoolError("the observed table has no rows: measure a few candidates first")
    errors = None if noise is None else observed[noise]
    return check_pool(pool[names], observed[names], observed[target], batch_size, minimize, None, errors)


def _fit(problem: PoolProblem) -> tuple[Committee, InputScale]:
    scale = fit_input_scale(problem.pool, problem.x)
    y, noise = standardise_target(problem.y, problem.noise)
    return fit_committee(scale(problem.x), y, noise), scale


def _numbers(
    problem: PoolProblem, committee: Committee, scale: InputScale, rows: NDArray[np.int64], minimize: bool
) -> pd.DataFrame:
    """The numbers of some candidates in the target's own unit."""
    x = scale(problem.pool[rows])
    mean, variance = committee.predict(x)
    spread = float(problem.y.std(ddof=1)) if len(problem.y) > 1 else 0.0
    unit = spread if spread > 0.0 else 1.0
    centre = problem.y.mean() + unit * mean
    sd = unit * np.sqrt(variance + committee.noise)
    measured = MeasuredSet(tuple(map(str, range(len(problem.x)))), scale(problem.x))
    near, distance = measured.nearest(x)
    centre = centre if minimize else -centre
    values = (rows, centre, sd, centre - _Z90 * sd, centre + _Z90 * sd, committee.log_improvement(x), near, distance)
    return pd.DataFrame(dict(zip(POOL_COLUMNS, (*values, distance <= measured.domain_radius), strict=True)))
