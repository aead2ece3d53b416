"""Time and memory of one suggestion of `suggest --pool` as results and columns grow, and what its shortlist misses.

    python -m benchmarks.pool_size
    python -m benchmarks.pool_size --whole [--candidates 100000]

Tables of random numbers, a tenth of the columns texts of five values; 20,000 candidates, a batch of 4. Each size runs
in a process of its own; printed are its CPU seconds and its peak memory. With `--whole` the batch is chosen twice, from
the shortlist that the processes make and from all candidates scored by networks and processes: four functions, 12 to
120 results, 6 or 10 columns; printed are the largest place that one of the whole's four has in the processes' order,
and by how much the expected improvement of the whole's first pick is beyond that of the shortlist's.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from screening.devices import one_thread
from screening.pool import PoolTable, check_pool, choose_batch, choose_from_pool
from screening.table_features import TableQuery
from screening.table_model import fit_input_scale

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


FUNCTIONS = {
    "bowl": lambda x: ((x - 0.4) ** 2).sum(axis=1),
    "waves": lambda x: np.sin(5 * x[:, 0]) + np.cos(7 * x[:, 1]) * x[:, 2],
    "ridge": lambda x: np.abs(x[:, 0] + x[:, 1] - x[:, 2]) + 0.3 * x[:, 3],
    "step": lambda x: (x[:, 0] > 0.5) + np.sin(3 * x[:, 1]),
}


def compare(m: int) -> None:
    """Print a line a function and size: the batch of the shortlist beside that of all m candidates."""
    print(f"{'function':>9}{'results':>8}{'columns':>8}{'same list':>10}{'last place':>11}{'gain missed':>12}")
    for name, function in FUNCTIONS.items():
        for k, d in ((12, 6), (20, 6), (40, 10), (120, 10)):
            rng = np.random.default_rng(k)
            x = rng.random((m, d))
            problem = check_pool(x, x[:k], function(x[:k]) + 0.05 * rng.standard_normal(k), 4, True, None, None)
            scale = fit_input_scale(x, x[:k])
            rows = np.flatnonzero(problem.free)
            with threadpool_limits(1), one_thread():
                model = problem.model(scale)
                quick = choose_batch(problem, model, scale, 4, 42)
                whole = choose_from_pool(model, scale(x[rows]), scale(problem.pending), rows, 4, 42)
                order = np.argsort(np.argsort(-model.first_look(scale(x[rows]))))
                gain = model.log_improvement(scale(x[[whole[0], quick[0]]]))
            same, last = set(quick) == set(whole), order[np.searchsorted(rows, whole)].max() + 1
            print(f"{name:>9}{k:8}{d:8}{same!s:>10}{last:11,}{np.expm1(gain[0] - gain[1]):12.1%}", flush=True)


def main() -> None:
    """Print a line a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=20_000)
    parser.add_argument("--whole", action="store_true", help="what the shortlist misses, in place of time and memory")
    asked = parser.parse_args()
    if asked.whole:
        compare(asked.candidates)
        return
    print(f"{'results':>8}{'columns':>9}{'CPU s':>8}{'GB':>6}")
    for k, d in SIZES:
        with multiprocessing.get_context("spawn").Pool(1) as worker:
            seconds, memory = worker.apply(suggest, (k, d, asked.candidates))
        print(f"{k:8}{d:9}{seconds:8.1f}{memory:6.2f}", flush=True)


if __name__ == "__main__":
    main()
