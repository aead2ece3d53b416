"""Time and memory of one suggestion of `suggest --pool` as results and columns grow.

    python -m benchmarks.pool_size

Tables of random numbers, a tenth of the columns texts of five values; 20,000 candidates, a batch of 4. Each size runs
in a process of its own; printed are its CPU seconds and its peak memory.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time

import numpy as np
import pandas as pd

from screening.pool_table import PoolTable
from screening.table_features import TableQuery

SIZES = ((50, 10), (500, 10), (5000, 10), (500, 200), (5000, 200))


def frames(k: int, d: int, m: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A pool of m rows and d columns, and its first k rows with results."""
    rng = np.random.default_rng(0)
    x = rng.random((m, d))
    pool = pd.DataFrame(x, columns=[f"x{j}" for j in range(d)])
    for j in range(0, d, 10):
        pool[f"x{j}"] = np.array(list("ABCDE"))[(5 * x[:, j]).astype(int)]
    rate = (x[:, 1:6] ** 2).sum(axis=1) + x[:, 0].round(1) + 0.1 * rng.standard_normal(m)
    return pool, pool.iloc[:k].assign(rate=rate[:k])


def suggest(k: int, d: int, m: int) -> tuple[float, float]:
    """CPU seconds of one suggestion, and peak memory of this process, 10^9 bytes."""
    pool, observed = frames(k, d, m)
    start = time.process_time()
    PoolTable.of(pool, observed, TableQuery("rate")).suggest(4)
    return time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main() -> None:
    """Print a line a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=20_000)
    asked = parser.parse_args()
    print(f"{'results':>8}{'columns':>9}{'CPU s':>8}{'GB':>6}")
    for k, d in SIZES:
        with multiprocessing.get_context("spawn").Pool(1) as worker:
            seconds, memory = worker.apply(suggest, (k, d, asked.candidates))
        print(f"{k:8}{d:9}{seconds:8.1f}{memory:6.2f}", flush=True)


if __name__ == "__main__":
    main()
