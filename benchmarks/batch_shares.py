"""How much of a batch should teach: `backtest --simulate` on the space of a campaign, for several shares.

    python -m benchmarks.batch_shares CAMPAIGN [--shares 0 0.2 0.4 0.6 1] [--worlds 20] [--gain 1.5]

The measured rows and the compounds of the space, as features, are a table of which worlds are drawn; in each, batches
of five go on until a compound is made that is truly `gain` times slower than the best measured. Printed by share:
experiments until that with probability 0.5 and 0.8, and the share of worlds in which the budget suffices, with the mean
difference to share 0 (experiments, the budget counted where it does not suffice) and its paired standard error.
"""

from __future__ import annotations

import argparse
import os
from math import log10, sqrt

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from campaigns import Campaign
from screening.backtest import FinishedTable, Schedule, plan_campaign


def main() -> None:
    """Print a row for each share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign")
    parser.add_argument("--shares", nargs="+", type=float, default=[0.0, 0.2, 0.4, 0.6, 1.0])
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--gain", type=float, default=1.5)
    parser.add_argument("--candidates", type=int, default=600)
    asked = parser.parse_args()
    fitted = Campaign.open(asked.campaign).round()
    training, space = fitted.training, fitted.space
    is_number = ~training.dataset.censored
    rates = training.dataset.log10_rate[is_number]
    index = np.sort(np.random.default_rng(0).choice(len(space), min(asked.candidates, len(space)), replace=False))
    x = fitted.candidates.features(space.take(index))
    x = np.unique(x[np.isfinite(x).all(axis=1)], axis=0)
    table = FinishedTable(training.x[is_number], rates, training.descriptors.feature_names, "log10_rate", True)
    goal = training.best_inside(space) - log10(asked.gain)
    print("| share | to 50% | to 80% | within the budget | difference to share 0 |")
    print("|---|---|---|---|---|")
    first = None
    for share in asked.shares:
        schedule = Schedule(batch_size=5, budget=asked.budget, teaching=share)
        plan = plan_campaign(table, x, goal, schedule, draws=asked.worlds)
        spent = np.minimum(plan.needed, asked.budget)
        first = spent if first is None else first
        apart = spent - first
        error = apart.std(ddof=1) / sqrt(len(apart))
        cells = (f"{plan.experiments_for(p):g}" for p in (0.5, 0.8))
        difference = f"{apart.mean():+.1f} ± {error:.1f}"
        print(f"| {share:g} | {' | '.join(cells)} | {plan.within_budget:.0%} | {difference} |", flush=True)


if __name__ == "__main__":
    main()
