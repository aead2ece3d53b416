"""Two stages over a pool of any size: a pass in float32 keeps a shortlist, float64 chooses the batch from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from screening.pool.committee import Committee
from screening.pool.scaling import InputScale
from screening.ranking.top import TopK

__all__ = ["choose_from_pool", "shortlist"]

Array = NDArray[np.float64]
_BLOCK = 8192
#: Candidates that enter the exact choice: the best of the pass, and the best of a random sample in case the best of the
#: pass are all neighbours of one another.
_BEST, _SAMPLED, _SAMPLE = 1000, 250, 5000


def shortlist(
    committee: Committee, scale: InputScale, pool: Array, free: NDArray[np.bool_], seed: int
) -> NDArray[np.int64]:
    """Rows of the pool that deserve exact treatment, ascending; everything free where that is no more than 1,250.

    `pool` has shape (m, d), `free` shape (m,), what comes back shape (at most 1250,).
    """
    rows = np.flatnonzero(free)
    if len(rows) <= _BEST + _SAMPLED:
        return rows
    top = TopK(_BEST)
    sampled = np.zeros(len(pool), dtype=bool)
    sampled[np.random.default_rng(seed).choice(rows, size=min(_SAMPLE, len(rows)), replace=False)] = True
    spread = TopK(_SAMPLED)
    for start in range(0, len(pool), _BLOCK):
        index = np.arange(start, min(start + _BLOCK, len(pool)))
        index = index[free[index]]
        value = committee.log_improvement(scale(pool[index]).astype(np.float32))
        top.offer(value, index)
        some = sampled[index]
        spread.offer(value[some], index[some])
    return np.union1d(top.result()[0], spread.result()[0])


def choose_from_pool(
    committee: Committee, x: Array, awaited: Array, rows: NDArray[np.int64], q: int, seed: int
) -> NDArray[np.int64]:
    """q of the shortlisted rows one by one, each for its gain beyond everything awaited and chosen before.

    Args:
        x: scaled descriptors of the shortlist, shape (s, 2c).
        awaited: scaled descriptors of pending points, shape (p, 2c).
        rows: pool rows of the shortlist, shape (s,).
    """
    chosen: list[int] = []
    open_rows = np.ones(len(rows), dtype=bool)
    while len(chosen) < q:
        left = np.flatnonzero(open_rows)
        value = committee.log_gain(x[left], np.vstack([awaited, x[chosen]]), seed)
        pick = int(left[np.argmax(value)])
        chosen.append(pick)
        open_rows[pick] = False
        twins = left[(x[left] == x[pick]).all(axis=1)]
        if open_rows.sum() - len(twins) >= q - len(chosen):
            open_rows[twins] = False  # a twin teaches nothing more, unless twins are all that is left
    return rows[chosen]
