"""Retrospective campaigns: how much worse than the best row one stands, on average, while measuring."""

from __future__ import annotations

import numpy as np

from benchmarks import backtest_pool
from benchmarks.registry import Outcome, Setting, case
from screening.backtest import STRATEGIES, FinishedTable, Schedule, Strategy, mean_regret, replay
from screening.dataset import SpinDataset, published_descriptors
from screening.features import to_features

#: Rounds as a group has them: five random crystals, then batches of four.
START, BATCH, BUDGET = 5, 4, 29
SCHEDULE = Schedule(START, BATCH, BUDGET)
SEEDS = 5


@case("backtest-measured", "Campaigns replayed on the measured compounds", "mean regret", "one campaign")
def measured(setting: Setting) -> Outcome:
    """On the rows that train by default; 0 is the slowest compound, 1 the median one.

    The flagged rows are left out: the slowest of all 52 is a second filing of a material that is also filed as fast, so
    that only chance would ever measure it.
    """
    _, descriptors = published_descriptors()
    data = SpinDataset.published()
    rows = data.trainable()
    x = to_features(descriptors[np.isin(data.rows["material_id"], rows.rows["material_id"])])
    names = tuple(f"x{j}" for j in range(x.shape[1]))
    return _replayed({f"{len(rows)} unflagged rows": FinishedTable(x, rows.log10_rate, names, "loss", True)}, setting)


@case("backtest-public", "Campaigns replayed on public tables", "mean regret", "one campaign")
def public(setting: Setting) -> Outcome:
    """Diabetes (scikit-learn) and Hartmann 6, and every table given with --csv."""
    found = backtest_pool.tables(list(setting.csv))
    wanted = {"diabetes", "hartmann"} | (set(found) - {"measured 52", "diabetes", "hartmann", "ackley", "levy"})
    return _replayed({name: table for name, table in found.items() if name in wanted}, setting)


def _replayed(tables: dict[str, object], setting: Setting) -> Outcome:
    outcome = Outcome()
    strategies: dict[str, Strategy] = {
        "spinscreen": STRATEGIES["spinscreen"],
        "BoTorch": STRATEGIES["botorch"],
        "random forest": STRATEGIES["forest"],
        "chance": STRATEGIES["random"],
    }
    baybe = backtest_pool.baybe_strategy()
    if baybe is None:
        outcome.absent["BayBE"] = "make bench-env installs it"
    else:
        strategies["BayBE"] = baybe
    for name, strategy in strategies.items():
        outcome.samples[name] = [
            float(mean_regret(table.loss, replay(table, strategy, seed, SCHEDULE)[None], START)[0])  # type: ignore[attr-defined, arg-type]
            for table in tables.values()
            for seed in range(setting.seed, setting.seed + setting.times(SEEDS))
        ]
    outcome.notes.append(
        f"{', '.join(tables)}; {START} random first, batches of {BATCH}, {BUDGET} measurements; the same starts for all"
    )
    return outcome
