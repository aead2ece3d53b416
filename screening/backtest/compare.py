"""Several strategies on one finished table with paired random starts, and what they achieved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chemspace.progress import Progress
from screening.backtest import curves
from screening.backtest.replay import replay
from screening.backtest.strategies import get_strategy
from screening.backtest.table import FinishedTable
from screening.errors import BacktestError

__all__ = ["Backtest", "backtest"]


@dataclass(frozen=True)
class Backtest:
    """Replayed campaigns.

    Attributes:
        table: what was replayed.
        rows: per strategy the rows in order of measurement, shape (r, t) for r seeds and t experiments.
        n_start, batch_size: as asked for. top_k: rows counted as the top.
    """

    table: FinishedTable
    rows: dict[str, NDArray[np.int64]]
    n_start: int
    batch_size: int
    top_k: int

    def curves(self) -> pd.DataFrame:
        """One row a strategy and number of experiments: best so far, regret, share of the top; means and 80% bands."""
        parts = []
        sign = 1.0 if self.table.minimize else -1.0
        for name, rows in self.rows.items():
            best = sign * curves.best_so_far(self.table.loss, rows)
            top = curves.top_found(self.table.loss, rows, self.top_k)
            regret = np.abs(best - sign * self.table.loss.min())
            frame = pd.DataFrame({"strategy": name, "experiments": np.arange(1, rows.shape[1] + 1)})
            for what, values in (("best", best), ("regret", regret), ("top_found", top)):
                frame[what] = values.mean(axis=0)
                frame[f"{what}_low"], frame[f"{what}_high"] = np.quantile(values, [0.1, 0.9], axis=0)
            parts.append(frame)
        return pd.concat(parts, ignore_index=True)

    def summary(self) -> pd.DataFrame:
        """One row a strategy: mean normalised regret with its standard error, experiments to the goals, factors.

        `experiments_to_half_top` and `experiments_to_top` are medians over seeds until half or all of the top are
        found (infinite where the median campaign does not get there); `acceleration` is for half of the top and, like
        `enhancement` (at the end), against the strategy "random", NaN where that was not run.
        """
        rows = []
        random = self._top("random") if "random" in self.rows else None
        for name, order in self.rows.items():
            top, regret = self._top(name), curves.mean_regret(self.table.loss, order, self.n_start)
            rows.append(
                {
                    "strategy": name,
                    "mean_regret": float(regret.mean()),
                    "mean_regret_se": float(regret.std(ddof=1) / np.sqrt(len(regret))) if len(regret) > 1 else np.nan,
                    "experiments_to_half_top": float(np.median(curves.experiments_needed(top, 0.5))),
                    "experiments_to_top": float(np.median(curves.experiments_needed(top, 1.0))),
                    "acceleration": np.nan if random is None else curves.acceleration(top, random, 0.5),
                    "enhancement": np.nan if random is None else float(curves.enhancement(top, random)[-1]),
                }
            )
        return pd.DataFrame(rows)

    def _top(self, name: str) -> NDArray[np.float64]:
        return curves.top_found(self.table.loss, self.rows[name], self.top_k)


def backtest(
    table: FinishedTable,
    strategies: Sequence[str] = ("spinscreen", "random"),
    *,
    n_start: int = 5,
    batch_size: int = 1,
    budget: int = 40,
    seeds: Sequence[int] = range(10),
    top_k: int = 5,
    progress: Progress | None = None,
) -> Backtest:
    """Replay a finished table as campaigns by several strategies; a seed gives all of them the same random start.

    Raises:
        BacktestError: for unknown strategies, no seeds, or numbers that make no campaign.
    """
    chosen = [get_strategy(name) for name in dict.fromkeys(strategies)]
    seeds = list(seeds)
    if not chosen or not seeds or top_k < 1:
        raise BacktestError(
            f"{len(chosen)} strategies, {len(seeds)} seeds, top {top_k}: at least one of each is needed"
        )
    total, done, rows = len(chosen) * len(seeds), 0, {}
    for strategy in chosen:
        runs = []
        for seed in seeds:
            runs.append(replay(table, strategy, seed, n_start, batch_size, budget))
            done += 1
            if progress is not None:
                progress(done, total, f"{strategy.name}, seed {seed}")
        rows[strategy.name] = np.array(runs)
    return Backtest(table, rows, n_start, batch_size, top_k)
