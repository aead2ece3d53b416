"""The network ensemble as one batched program against a loop over scikit-learn."""

from __future__ import annotations

import numpy as np

from benchmarks import surrogate_ensemble
from benchmarks.registry import Outcome, Setting, case
from screening.dataset import SpinDataset, published_descriptors
from screening.features import to_features


@case("ensemble", "Leave-one-out of 10 networks of two layers of 32 on 52 rows", "CPU s", "one fold")
def ensemble(setting: Setting) -> Outcome:
    """All folds at once, divided by their number; of the loop a few folds are run."""
    _, descriptors = published_descriptors(as_filed=True)
    x, y = to_features(descriptors), SpinDataset.published().log10_rate
    samples: dict[str, list[float]] = {"spinscreen": [], "MLPRegressor in a loop": []}
    r2 = []
    for _ in range(setting.times(3)):
        _, batched, score = surrogate_ensemble.batched(x, y)
        _, loop, done = surrogate_ensemble.loop(x, y, 1)
        samples["spinscreen"].append(batched / len(y))
        samples["MLPRegressor in a loop"].append(loop / done)
        r2.append(score)
    return Outcome(samples, notes=[f"leave-one-out R2 of the batched ensemble {np.median(r2):.2f}"])
