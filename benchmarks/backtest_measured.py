"""How many experiments until the slowest five measured compounds are found: ours, BoTorch, a greedy forest and chance.

    python benchmarks/backtest_measured.py [--rows 52|unflagged|materials] [--seeds 50] [--start 8] [--batch 2]
        [--limit]

All the published rows that have descriptors, those of them that train by default, or all with what is filed twice under
the same descriptors as one row with its mean. Every strategy gets the same
random starts and may go on until the table is empty. Prints medians over seeds and their ratio to chance, with the
standard error of the ratio from resampled seeds. --limit prints instead where a model that knows the outcomes of all
other rows would place each of the slowest five: no strategy that trusts it finds one of them much earlier.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
from numpy.typing import NDArray

from screening.backtest import STRATEGIES, FinishedTable, Schedule, backtest, experiments_needed, mean_regret, top_found
from screening.dataset import SpinDataset, published_descriptors
from screening.features import to_features
from screening.surrogates import TrainingRows

Array = NDArray[np.float64]


def measured(rows: str) -> FinishedTable:
    """Features and log10 rates of the published rows."""
    _, descriptors = published_descriptors()
    data, x = SpinDataset.published(), to_features(descriptors)
    kept = np.isfinite(x).all(axis=1)
    if rows == "unflagged":
        kept &= np.isin(data.rows["material_id"], data.trainable().rows["material_id"])
    if rows == "materials":
        own, place = np.unique(x[kept], axis=0, return_inverse=True)
        mean = np.bincount(place.ravel(), data.log10_rate[kept]) / np.bincount(place.ravel())
        return FinishedTable(own, mean, tuple(f"x{j}" for j in range(x.shape[1])), "loss", True)
    return FinishedTable(x[kept], data.log10_rate[kept], tuple(f"x{j}" for j in range(x.shape[1])), "loss", True)


def ratio(ours: Array, chance: Array) -> tuple[float, float]:
    """Ratio of the medians over seeds, shapes (r,), and its standard error."""
    draws = np.random.default_rng(0).integers(len(ours), size=(2000, len(ours)))
    each = np.median(ours[draws], axis=1) / np.median(chance[draws], axis=1)
    return float(np.median(ours) / np.median(chance)), float(each.std())


def places(table: FinishedTable, model: str) -> str:
    """Place of each of the slowest five among all rows, by predictions of models that saw all rows but that one."""
    from screening.validation import cross_validate

    told = cross_validate(
        TrainingRows.of(table.x, table.y), name=model, splits=["leave_one_out"]
    ).predictions.sort_values("row")
    mean, hopeful = told["mean"].to_numpy(), (told["mean"] - told["sd"]).to_numpy()
    slowest = np.argsort(table.loss, kind="stable")[:5]
    by_mean, by_bound = ([int((value < value[row]).sum()) + 1 for row in slowest] for value in (mean, hopeful))
    return f"{model:14s} by mean {by_mean}, by mean less one standard deviation {by_bound}"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", choices=["52", "unflagged", "materials"], default="52")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--start", type=int, default=8)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--limit", action="store_true", help="where a model that knows all other rows places them")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    table = measured(asked.rows)
    if asked.limit:
        print(f"places of the slowest five among {len(table.y)} rows, the slowest first")
        for model in ("spinscreen", "gp", "gp_ensemble", "trees", "random_forest", "xgboost", "linear"):
            print(places(table, model))
        return
    names = [*dict.fromkeys(["random", *asked.strategies.split(",")])]
    print(
        f"{len(table.y)} rows, {asked.start} random first, batches of {asked.batch}, {asked.seeds} seeds, slowest five"
    )
    result = backtest(table, names, Schedule(asked.start, asked.batch, len(table.y)), seeds=range(asked.seeds))
    found = {name: top_found(table.loss, rows, 5) for name, rows in result.rows.items()}
    for share, words in ((0.2, "one of them"), (0.6, "three of them"), (1.0, "all of them")):
        chance = experiments_needed(found["random"], share)
        for name, curve in found.items():
            needed = experiments_needed(curve, share)
            part, error = ratio(needed, chance)
            later, _ = ratio(needed - asked.start, chance - asked.start)
            print(
                f"{words:14s} {name:12s} {np.median(needed):5.1f} experiments, {part:.0%} of chance (+- {error:.0%}), "
                f"{later:.0%} of those after the random start"
            )
    for name, rows in result.rows.items():
        regret = mean_regret(table.loss, rows[:, :40], asked.start)
        print(
            f"mean regret to 40 experiments {name:12s} {regret.mean():.3f} +- {regret.std() / len(regret) ** 0.5:.3f}"
        )


if __name__ == "__main__":
    main()
