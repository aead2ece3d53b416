"""Own surrogate: any scikit-learn estimator, or any BoTorch model, scored like the shipped one.

Run: python docs/howto/own_surrogate.py
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from screening import SpinDataset, cross_validate
from screening.calibration import fit_scale
from screening.dataset import published_descriptors
from screening.features import to_features
from screening.surrogates import TrainingRows
from screening.surrogates.mixture import SklearnRecipe
from screening.validation import hold_out, out_of_fold, score


def neighbours(seed: int) -> Any:
    """An unfitted estimator from a seed; what it standardises, it standardises inside each fold."""
    del seed
    return make_pipeline(StandardScaler(), KNeighborsRegressor(n_neighbors=5, weights="distance"))


def main() -> None:
    """Own recipe and the shipped ones on the same rows and folds."""
    _, descriptors = published_descriptors()
    data = SpinDataset.published()
    keep = np.isin(data.rows["material_id"], data.trainable().rows["material_id"])
    rows, x = data.subset(keep), to_features(descriptors[keep])

    # A recipe fits all folds of a training at once; `SklearnRecipe` makes one of any estimator. To write one from
    # scratch, or around a BoTorch model, give a class the methods of screening.surrogates.recipe.Recipe.
    recipe = SklearnRecipe("five neighbours", neighbours)
    training = TrainingRows.of(x, rows.log10_rate, rows.noise, rows.groups)
    for split in ("leave_one_out", "leave_one_spacer_out"):
        tests = hold_out(split, training.groups, seed=42)
        told = out_of_fold(recipe, training, tests, seed=42)
        order = np.concatenate(tests)
        mean, sd = (np.concatenate([pair[i] for pair in told]) for i in (0, 1))
        y = training.y[order]
        card = score(y, mean, sd * fit_scale(y - mean, sd), sd)
        print(f"{recipe.name:15s} {split:21s} R2 {card.r2_log:5.2f}  rank correlation {card.spearman:5.2f}")
    for name in ("mean", "gp"):
        for split, card in cross_validate(
            TrainingRows.of(x, rows.log10_rate, rows.noise, rows.groups), name=name
        ).score_cards.items():
            print(f"{name:15s} {split:21s} R2 {card.r2_log:5.2f}  rank correlation {card.spearman:5.2f}")

    # One BoTorch model of all rows: any acquisition of BoTorch works on its posterior.
    model = recipe.fit(training, training.full_mask(), seed=42).model(0, noise_variance=0.01, calibration=1.0)
    print(f"a {type(model).__name__} with {model.num_outputs} output")


if __name__ == "__main__":
    main()
