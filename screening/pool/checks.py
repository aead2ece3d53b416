"""What a pool and its observations must be, checked before anything is fitted; every message names the place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from screening.errors import NothingLeftError, PoolError

__all__ = ["PoolProblem", "check_pool"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PoolProblem:
    """A checked problem.

    `pool` (m, d), `x` (k, d), `y` (k,) to be minimised, `noise` (k,) standard deviations (zeros where unknown),
    `pending` (p, d), `free` (m,) candidates that may be suggested.
    """

    pool: Array
    x: Array
    y: Array
    noise: Array
    pending: Array
    free: NDArray[np.bool_]


def check_pool(
    pool: ArrayLike,
    observed_x: ArrayLike,
    observed_y: ArrayLike,
    batch_size: int,
    minimize: bool,
    pending: ArrayLike | None,
    noise: ArrayLike | None,
) -> PoolProblem:
    """Check the arguments of `suggest_from_pool` and put them in one form.

    Raises:
        PoolError: for shapes that do not fit, values that are no numbers, pending entries outside the pool.
        NothingLeftError: if the pool is empty or everything in it is measured or pending.
    """
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
    if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise PoolError(f"batch_size is {batch_size!r}: a whole number of 1 or more")
    points, rows = _pending(pending, table)
    free = np.ones(len(table), dtype=bool)
    free[rows] = False
    free &= ~_among(table, np.vstack([x, points]))
    if not free.any():
        raise NothingLeftError(f"all {len(table)} candidates are measured or pending: nothing is left to suggest")
    if batch_size > free.sum():
        left = int(free.sum())
        raise PoolError(f"a batch of {batch_size} from {left} candidates that are neither measured nor pending")
    return PoolProblem(table, x, y if minimize else -y, _noise(noise, len(y)), points, free)


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
    if array.shape != (k,) or not np.isfinite(array).all() or (array < 0.0).any():
        raise PoolError(f"noise: {k} standard deviations of 0 or more are needed, or one for all, not {array.shape}")
    return array


def _among(table: Array, rows: Array) -> NDArray[np.bool_]:
    """Which rows of the table (m, d) equal one of `rows` (k, d) in every number, shape (m,)."""
    found = np.zeros(len(table), dtype=bool)
    if not len(rows):
        return found
    # the first column sorts out almost every candidate before whole rows are compared
    suspects = np.flatnonzero(np.isin(table[:, 0], rows[:, 0]))
    known = {row.tobytes() for row in rows + 0.0}  # + 0.0 turns -0.0 into 0.0
    for row in suspects:
        found[row] = (table[row] + 0.0).tobytes() in known
    return found
