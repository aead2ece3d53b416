"""Retrospective campaigns on finished tables: `suggest_from_pool` against plain BoTorch, BayBE, forests and chance.

Run in an environment with spinscreen; BayBE takes part where it is installed. Tables: scikit-learn's diabetes, the 52
measured compounds, synthetic ones, and any CSV named on the command line as path:target[:max].

    python -m benchmarks.backtest_pool --seeds 10 --batch 1 --budget 40 [--csv alloys.csv:strength:max]

Prints the mean normalised regret (0 best row, 1 median row; mean from the last random row on), and CPU seconds a
suggestion (median).
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.ranking_pool import baybe_campaign
from chemspace.tables.frame import read_frame
from screening.backtest import STRATEGIES, FinishedTable, Schedule, Strategy, mean_regret, replay
from screening.dataset import SpinDataset, published_descriptors
from screening.features import to_features
from screening.table_features import TableQuery

Array = NDArray[np.float64]


def tables(files: list[str]) -> dict[str, FinishedTable]:
    """Finished tables by name."""
    from sklearn.datasets import load_diabetes

    names, descriptors = published_descriptors()
    data = SpinDataset.published()
    assert len(names) == len(data)
    x = to_features(descriptors)
    known = np.isfinite(x).all(axis=1)
    found = {
        "measured 52": _table(x[known], data.log10_rate[known]),
        "diabetes": _table(load_diabetes().data, -load_diabetes().target),
    }
    for name, function, d in (("hartmann", _hartmann, 6), ("ackley", _ackley, 4), ("levy", _levy, 6)):
        points = np.random.default_rng(len(name)).random((1000, d))
        found[name] = _table(points, function(points))
    for text in files:
        path, target, *way = text.split(":")
        found[Path(path).stem] = FinishedTable.from_frame(read_frame(Path(path)), TableQuery(target, way != ["max"]))
    return found


def baybe_strategy() -> Strategy | None:
    """BayBE with its default recommender on numerical discrete parameters; None where it is not installed."""
    if find_spec("baybe") is None:
        return None

    def choose(pool: Array, seen: NDArray[np.int64], loss: Array, q: int, seed: int) -> NDArray[np.int64]:
        frame = pd.DataFrame(pool, columns=[f"x{j}" for j in range(pool.shape[1])])
        frame = frame.loc[:, frame.min() < frame.max()]
        campaign = baybe_campaign(frame.drop_duplicates(), frame.iloc[seen].assign(loss=loss))
        wanted = campaign.recommend(batch_size=q)[list(frame)].to_numpy()
        varied = pool[:, [int(name[1:]) for name in frame]]
        free = np.setdiff1d(np.arange(len(pool)), seen)
        rows: list[int] = []
        for row in wanted:
            left = free[~np.isin(free, rows)]
            rows.append(int(left[np.abs(varied[left] - row).sum(axis=1).argmin()]))
        return np.array(rows)

    return Strategy("baybe", "BayBE, default recommender", choose)


def timed(strategy: Strategy, spent: list[float]) -> Strategy:
    """The same strategy, its CPU seconds a call written to `spent`."""

    def choose(pool: Array, seen: NDArray[np.int64], loss: Array, q: int, seed: int) -> NDArray[np.int64]:
        begin = time.process_time()
        rows = strategy.choose(pool, seen, loss, q, seed)
        spent.append(time.process_time() - begin)
        return rows

    return Strategy(strategy.name, strategy.words, choose)


def _table(x: Array, loss: Array) -> FinishedTable:
    return FinishedTable(x, loss, tuple(f"x{j}" for j in range(x.shape[1])), "loss", True)


def _hartmann(x: Array) -> Array:
    from botorch.test_functions import Hartmann

    return _botorch_function(Hartmann(dim=6), x)


def _ackley(x: Array) -> Array:
    from botorch.test_functions import Ackley

    return _botorch_function(Ackley(dim=4, bounds=[(-12.0, 20.0)] * 4), x)


def _levy(x: Array) -> Array:
    from botorch.test_functions import Levy

    return _botorch_function(Levy(dim=6), x)


def _botorch_function(function: Callable[..., object], x: Array) -> Array:
    import torch

    bounds = function.bounds.numpy()  # type: ignore[attr-defined]  # BoTorch's test functions have it
    return np.asarray(function(torch.as_tensor(bounds[0] + x * (bounds[1] - bounds[0]))))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--start", type=int, default=5)
    parser.add_argument("--peers", default="random,forest,botorch,baybe")
    parser.add_argument("--tables", default="", help="only these, separated by commas")
    parser.add_argument("--csv", action="append", default=[])
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    strategies = {"spinscreen": STRATEGIES["spinscreen"]}
    for name in asked.peers.split(","):
        peer = baybe_strategy() if name == "baybe" else STRATEGIES.get(name)
        if peer is not None:
            strategies[name] = peer
    rows = []
    for label, table in tables(asked.csv).items():
        if asked.tables and label not in asked.tables.split(","):
            continue
        for name, strategy in strategies.items():
            spent: list[float] = []
            order = [
                replay(table, timed(strategy, spent), seed, Schedule(asked.start, asked.batch, asked.budget))
                for seed in range(asked.seeds)
            ]
            regret = mean_regret(table.loss, np.array(order), asked.start)
            error = regret.std(ddof=1) / np.sqrt(len(regret)) if len(regret) > 1 else np.nan
            rows.append((label, name, regret.mean(), error, np.median(spent)))
            print(
                f"{label:16s} {name:12s} regret {regret.mean():.3f} +- {error:.3f}  {np.median(spent):.3f} CPU s",
                flush=True,
            )
    frame = pd.DataFrame(rows, columns=["table", "strategy", "regret", "error", "cpu_s"])
    print(frame.groupby("strategy")[["regret", "cpu_s"]].mean().sort_values("regret").round(4).to_string())


if __name__ == "__main__":
    main()
