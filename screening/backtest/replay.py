"""One campaign replayed on a finished table: random rows first, then batch after batch by a strategy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from screening.backtest.strategies import Strategy
from screening.backtest.table import FinishedTable
from screening.errors import BacktestError
from screening.seeds import check_seed

__all__ = ["replay"]


def replay(
    table: FinishedTable, strategy: Strategy, seed: int, n_start: int = 5, batch_size: int = 1, budget: int = 40
) -> NDArray[np.int64]:
    """Rows of a table in the order in which a campaign would have measured them, shape (budget,) or the whole table.

    The same seed gives every strategy the same random start.

    Raises:
        BacktestError: for numbers that make no campaign, or a strategy that repeats itself.
    """
    if n_start < 1 or batch_size < 1 or budget < n_start:
        raise BacktestError(
            f"start {n_start}, batch size {batch_size}, budget {budget}: at least 1, 1 and the start are needed"
        )
    seed, m = check_seed(seed, BacktestError), len(table.y)
    seen = np.random.default_rng(seed).permutation(m)[: min(n_start, m)].astype(np.int64)
    while len(seen) < min(budget, m):
        q = min(batch_size, min(budget, m) - len(seen))
        rows = strategy.choose(table.x, seen, table.loss[seen], q, seed)
        if len(rows) != q or len(np.union1d(seen, rows)) != len(seen) + q:
            raise BacktestError(
                f"strategy {strategy.name!r} returned {rows.tolist()}: {q} rows never measured are needed"
            )
        seen = np.concatenate([seen, rows])
    return seen
