"""Leave-one-out of a network ensemble on the 52 published rows: one batched program against a loop over scikit-learn.

Both train 10 networks a fold with two hidden layers of 32 and 1,300 full-batch Adam steps, without early stopping.
Run: python benchmarks/surrogate_ensemble.py [--folds 52]. Fewer folds of the loop are scaled up and said to be.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import torch
from sklearn.neural_network import MLPRegressor

from screening.dataset import SpinDataset, published_descriptors
from screening.devices import one_thread
from screening.features import to_features
from screening.surrogates.ensembles import EnsembleConfig, fit_ensembles
from screening.surrogates.observations import Folds
from screening.surrogates.recipe import TrainingRows

MEMBERS, HIDDEN, STEPS = 10, (32, 32), 1300


def main() -> None:
    """Time both and print wall and CPU seconds and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, default=52, help="folds of the scikit-learn loop")
    folds = parser.parse_args().folds
    _, descriptors = published_descriptors(as_filed=True)
    x, y = to_features(descriptors), SpinDataset.published().log10_rate
    batched_wall, batched_cpu, r2 = batched(x, y)
    loop_wall, loop_cpu, done = loop(x, y, folds)
    scale = len(y) / done
    print(f"batched: {batched_wall:.1f} s wall, {batched_cpu:.1f} s CPU, leave-one-out R2 {r2:.2f}")
    print(f"loop: {scale * loop_wall:.1f} s wall, {scale * loop_cpu:.1f} s CPU ({done} of {len(y)} folds run)")
    print(f"ratio: {scale * loop_wall / batched_wall:.1f} wall, {scale * loop_cpu / batched_cpu:.1f} CPU")


def batched(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    features = torch.tensor(x)
    mask = ~torch.eye(len(y), dtype=torch.bool)
    config = EnsembleConfig(members=MEMBERS, hidden=HIDDEN, iterations=STEPS, parts=1)
    wall, cpu = time.perf_counter(), time.process_time()
    with one_thread():
        folds = Folds.of(TrainingRows.of(x, y), mask.numpy())
        scaling = folds.scaling
        fitted = fit_ensembles(config, folds, seed=0)
        mean, _ = fitted.predict(scaling.x(features))
    told = (scaling.y_mean + scaling.y_sd * mean).diagonal().numpy()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return wall, cpu, float(1.0 - ((y - told) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def loop(x: np.ndarray, y: np.ndarray, folds: int) -> tuple[float, float, int]:
    wall, cpu = time.perf_counter(), time.process_time()
    for fold in range(folds):
        rows = np.arange(len(y)) != fold
        mean, sd = x[rows].mean(0), x[rows].std(0)
        for member in range(MEMBERS):
            # tol 0 and no patience: every network takes all its steps, as in the batched program.
            network = MLPRegressor(
                hidden_layer_sizes=HIDDEN,
                activation="tanh",
                max_iter=STEPS,
                tol=0.0,
                n_iter_no_change=STEPS + 1,
                random_state=member,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                network.fit((x[rows] - mean) / sd, y[rows])
            network.predict((x[fold : fold + 1] - mean) / sd)
    return time.perf_counter() - wall, time.process_time() - cpu, folds


if __name__ == "__main__":
    main()
