"""The figures of docs/surrogates.md about the shipped surrogate on the published descriptors, part by part.

    python -m benchmarks.surrogate_figures [--parts errors card signs speed]

errors: which compounds make the squared error, and the standard error of each R2 (rows drawn again, 2,000 times).
card: every split, shuffles, the spacer alone, the learning curve. signs: directions of the descriptors on rows held
out, published and xTB, and how much each contributes. speed: CPU seconds.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.held_out_signs import out_of_fold_shapley, out_of_fold_signs
from benchmarks.surrogate_candidates import table, validated
from screening import cross_validate, fit_surrogate
from screening.features import FEATURE_NAMES
from screening.ranking.candidates import SinglePrecision
from screening.surrogates import TrainingRows
from screening.surrogates.recipe import DEFAULT_SURROGATE
from screening.validation import LEAVE_OUT_SPLITS, full_score_card

Array = NDArray[np.float64]
DRAWS, SEED = 2000, 42
#: Rows of a pass of predictions, and how many are predicted.
CHUNK, PREDICTED = 4096, 200_000


def main() -> None:
    """Prints the parts asked for."""
    parts = {"errors": errors, "card": card, "signs": signs, "speed": speed}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts))
    for part in parser.parse_args().parts:
        print(f"\n{part}", flush=True)
        parts[part]()


def errors() -> None:
    """Compounds by their share of the squared error, and how sure each R2 is."""
    rows = table("published")[0]
    names = rows.rows["formula"].tolist()
    again = np.random.default_rng(SEED).integers(0, len(names), (DRAWS, len(names)))
    for split in LEAVE_OUT_SPLITS:
        y, mean = _predicted(split)
        square = (y - mean) ** 2
        largest = ", ".join(f"{names[i]} {square[i] / square.sum():.2f}" for i in np.argsort(-square)[:4])
        spread = np.std([_r2(y[draw], mean[draw]) for draw in again])
        print(f"{split}: R2 {_r2(y, mean):.2f}, standard error {spread:.2f}; shares of the squared error: {largest}")


def card() -> None:
    """Every split at once."""
    rows, x, *_ = table("published")
    made = np.flatnonzero((rows.rows["split"] == "synthesised").to_numpy())
    rng = np.random.default_rng(SEED)
    sevens = [np.sort(rng.choice(len(x), 7, replace=False)) for _ in range(10)]
    told = full_score_card(
        TrainingRows.of(x, rows.log10_rate, rows.noise, rows.groups),
        holdouts={"38 / 14": [made], "45 / 7, ten draws": sevens},
    )
    for split, scores in told.validation.score_cards.items():
        print(f"{split}: R2 {scores.r2_log:.2f}, 50, 90 and 95% intervals hold {_held(scores)}")
    xgboost = cross_validate(
        TrainingRows.of(x, rows.log10_rate, rows.noise, rows.groups), name="xgboost", holdouts={"38 / 14": [made]}
    ).score_cards["38 / 14"]
    print(f"XGBoost on 38 / 14: R2 {xgboost.r2_log:.2f}")
    print(f"shuffled targets: R2 {', '.join(f'{r2:.2f}' for r2 in told.scrambled_r2_log)}")
    print(f"told only the spacer: R2 {told.spacer_only_r2_log:.2f}")
    print(f"learning curve: {', '.join(f'{share:.0%} {r2:.2f}' for share, r2 in told.curve.items())}")


def signs() -> None:
    """Directions on rows held out, and mean absolute contributions."""
    for source in ("published", "xtb"):
        rows, x, *_ = table(source)
        training = TrainingRows.of(x, rows.log10_rate, rows.noise, rows.groups)
        for check in out_of_fold_signs(training, FEATURE_NAMES):
            print(f"{source}: {check.sentence()} (folds {', '.join(f'{r:+.2f}' for r in check.correlations)})")
        told = out_of_fold_shapley(training, FEATURE_NAMES)[0].importances()
        each = zip(told["feature"], told["importance"], strict=True)
        print(f"{source}: mean absolute contributions {', '.join(f'{name} {size:.2f}' for name, size in each)}")


def speed() -> None:
    """CPU seconds of validation and explanation, rows a CPU second of prediction."""
    rows, x, *_ = table("published")
    training = TrainingRows.of(x, rows.log10_rate, rows.noise, rows.groups)
    _timed("validation by both leave-out splits", lambda: cross_validate(training))
    _timed("out-of-fold Shapley values of all rows", lambda: out_of_fold_shapley(training, FEATURE_NAMES))
    many = np.random.default_rng(SEED).choice(x, (PREDICTED,), axis=0)
    for name in (DEFAULT_SURROGATE, "spinscreen"):
        surrogate = fit_surrogate(training, name)
        single, points = SinglePrecision(surrogate), torch.from_numpy(many)

        def double(points: torch.Tensor = points, model: object = surrogate.model) -> None:
            with torch.no_grad():
                for at in range(0, PREDICTED, CHUNK):
                    model.marginal(points[at : at + CHUNK])  # type: ignore[attr-defined]  # any BoTorch model to mypy

        def low(predictor: SinglePrecision = single) -> None:
            predictor.predict(many, CHUNK)

        for what, run in (("single", low), ("double", double)):
            _timed(f"{name}: {PREDICTED} rows in {what} precision, passes of {CHUNK}", run, PREDICTED)


def _timed(what: str, run: Callable[[], object], items: int = 0) -> None:
    begin = time.process_time()
    run()
    spent = time.process_time() - begin
    print(
        f"{what}: {spent:.1f} CPU s{f', {items / spent / 1e6:.2f} million a CPU second' if items else ''}", flush=True
    )


def _predicted(split: str) -> tuple[Array, Array]:
    told = validated(DEFAULT_SURROGATE, "published", SEED).predictions
    told = told[told["split"] == split].sort_values("row")
    return told["y"].to_numpy(float), told["mean"].to_numpy(float)


def _r2(y: Array, mean: Array) -> float:
    return float(1.0 - ((y - mean) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def _held(scores: object) -> str:
    return ", ".join(f"{getattr(scores, f'coverage_{level}'):.0%}" for level in (50, 90, 95))


if __name__ == "__main__":
    main()
