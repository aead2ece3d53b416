"""Networks and processes beside the mixture of release 0.1.0, on the measured rows, with paired standard errors.

    python -m benchmarks.surrogate_networks [--seeds 42 1 2 3 4] [--sources published xtb] [NAME...]

Candidates are listed in `CANDIDATES`; all were fixed before the first run. Squared errors and log densities are
compared row by row with those of `spinscreen`, 0.1.0's default, clustered by spacer: a difference is worth its paired
standard error.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from benchmarks.surrogate_candidates import table
from screening.calibration import log_density
from screening.surrogates import TrainingRows
from screening.surrogates.mixture import MixtureRecipe
from screening.surrogates.registry import ARD, ISOTROPIC, NETWORKS, ROUGH, SURROGATES
from screening.surrogates.trees import TreesConfig
from screening.validation import Validation, cross_validate
from screening.validation.card import paired
from screening.validation.splits import LEAVE_OUT_SPLITS

PROCESSES = (ISOTROPIC, ROUGH, ARD)
PLAIN = replace(NETWORKS, bins=0)
#: The default of release 0.1.0.
BEFORE = "spinscreen"
#: What is compared with it, by name.
CANDIDATES = {
    "plain-networks": MixtureRecipe("plain-networks", (), PLAIN),
    "embedded-networks": MixtureRecipe("embedded-networks", (), NETWORKS),
    "plain-networks-processes": MixtureRecipe("plain-networks-processes", PROCESSES, PLAIN),
    "networks-processes": MixtureRecipe("networks-processes", PROCESSES, NETWORKS, floor=0.2),
    "networks-processes-96": MixtureRecipe(
        "networks-processes-96", PROCESSES, replace(NETWORKS, members=96), floor=0.2
    ),
    "networks-processes-wide": MixtureRecipe(
        "networks-processes-wide", PROCESSES, replace(NETWORKS, hidden=(32, 32)), floor=0.2
    ),
    "networks-processes-trees": MixtureRecipe(
        "networks-processes-trees", PROCESSES, NETWORKS, TreesConfig(), floor=0.2
    ),
}


def main() -> None:
    """Prints a row for every candidate and source: means over seeds, and differences to the default of 0.1.0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", default=[])
    parser.add_argument("--seeds", nargs="+", type=int, default=[42, 1, 2, 3, 4])
    parser.add_argument("--sources", nargs="+", choices=("published", "xtb"), default=["published", "xtb"])
    asked = parser.parse_args()
    names = asked.names or list(CANDIDATES)
    print("| candidate | descriptors | R2 | NLPD | 90% holds | squared error saved | log density gained | CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    for source in asked.sources:
        rows, features, *_ = table(source)
        training = TrainingRows.of(
            features, rows.log10_rate, rows.noise, rows.groups, compounds=list(rows.table["formula"])
        )
        shipped = [_validated(BEFORE, training, seed) for seed in asked.seeds]
        _show(BEFORE, source, shipped, shipped, training)
        for name in names:
            _show(name, source, [_validated(name, training, seed) for seed in asked.seeds], shipped, training)


def _validated(name: str, training: TrainingRows, seed: int) -> tuple[Validation, float]:
    begin = time.process_time()
    if name == BEFORE:
        validation = cross_validate(training, name, seed)
    else:
        with SURROGATES.including(name, lambda: CANDIDATES[name]):
            validation = cross_validate(training, name, seed)
    return validation, time.process_time() - begin


def _show(
    name: str,
    source: str,
    own: list[tuple[Validation, float]],
    shipped: list[tuple[Validation, float]],
    training: TrainingRows,
) -> None:
    cells = []
    for key, form in (("r2_log", "{:.3f}"), ("nlpd", "{:.3f}"), ("coverage_90", "{:.0%}")):
        means = [np.mean([getattr(v.score_cards[split], key) for v, _ in own]) for split in LEAVE_OUT_SPLITS]
        cells.append(" / ".join(form.format(value) for value in means))
    for number in (_squared, _density):
        differences = [
            paired(
                np.mean([number(v, split) for v, _ in own], 0) - np.mean([number(v, split) for v, _ in shipped], 0),
                training.groups,
            )
            for split in LEAVE_OUT_SPLITS
        ]
        cells.append(" / ".join(f"{mean:+.3f} ± {error:.3f}" for mean, error in differences))
    print(f"| {name} | {source} | {' | '.join(cells)} | {np.mean([seconds for _, seconds in own]):.1f} |", flush=True)


def _of(validation: Validation, split: str) -> pd.DataFrame:
    frame = validation.predictions
    return frame[frame["split"] == split].sort_values("row")


def _squared(validation: Validation, split: str) -> np.ndarray:
    frame = _of(validation, split)
    return -((frame["y"] - frame["mean"]) ** 2).to_numpy()


def _density(validation: Validation, split: str) -> np.ndarray:
    frame = _of(validation, split)
    return log_density((frame["y"] - frame["mean"]).to_numpy(), frame["sd_calibrated"].to_numpy())


if __name__ == "__main__":
    main()
