"""Out-of-fold predictions of any surrogate by any split, all folds fitted together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from chemspace.progress import Progress
from screening.calibration import fit_scale
from screening.surrogates.problem import Problem, Recipe, make_problem
from screening.surrogates.registry import DEFAULT_SURROGATE, get_recipe
from screening.validation.splits import ScoreCard, grade, hold_out, score

__all__ = ["out_of_fold"]

#: Numbers of a covariance matrix that one batch of folds may hold, 160 MB in double precision.
MAX_BATCH_NUMBERS = 20_000_000


@dataclass(frozen=True)
class Validation:
    """What a surrogate predicted for rows it had not seen.

    Attributes:
        name: of the surrogate.
        predictions: one row a split and table row: row, split, fold, y, mean, sd, sd_calibrated (log10 units; both
            standard deviations are those of a measurement, its own error included; intervals by
            `screening.calibration.half_width`).
        score_cards: by split.
        grade: the verdict in plain words.
    """

    name: str
    predictions: pd.DataFrame
    score_cards: dict[str, ScoreCard]
    grade: str

    @classmethod
    def of(cls, name: str, predictions: pd.DataFrame) -> Validation:
        """Score cards and grade that follow from a surrogate's predictions, columns as described above."""
        cards: dict[str, ScoreCard] = {}
        for split in dict.fromkeys(predictions["split"]):
            frame = predictions[predictions["split"] == split]
            cards[str(split)] = score(*(frame[c].to_numpy(dtype=float) for c in ("y", "mean", "sd_calibrated", "sd")))
        return cls(name, predictions, cards, grade(cards))

    def to_dict(self) -> dict[str, Any]:
        """Name, grade and score cards as plain values."""
        return {
            "name": self.name,
            "grade": self.grade,
            "score_cards": {split: card.to_dict() for split, card in self.score_cards.items()},
        }


def cross_validate(
    x: ArrayLike,
    y: ArrayLike,
    noise: ArrayLike | None = None,
    groups: Sequence[object] | None = None,
    seed: int = 42,
    name: str = DEFAULT_SURROGATE,
    splits: Sequence[str] = ("leave_one_out", "leave_one_spacer_out"),
    progress: Progress | None = None,
    holdouts: Mapping[str, Sequence[NDArray[np.int64]]] | None = None,
    missing: str = "refuse",
    censored: ArrayLike | None = None,
    device: str = "cpu",
) -> Validation:
    """Predict every row by models that never saw it, and score the predictions.

    Everything that is fitted (standardisation, hyperparameters, early stopping, weights of the mixture) is fitted
    inside each fold; the recalibration of a row uses the errors of other folds only.

    Args:
        x: features, shape (k, d). y: log10 rate, shape (k,).
        noise: standard deviation of each target in log10, shape (k,), or None.
        groups: spacer of each row, length k; None makes every row its own.
        seed: of every random draw.
        name: of the surrogate.
        splits: names from `screening.validation.splits.SPLITS`.
        progress: called after every batch of folds.
        holdouts: further splits: name to test rows of each of its folds, which need not cover the table. Their
            intervals are recalibrated by the errors that the first of `splits` makes on rows outside the test set.
        missing: "refuse" NaN features, or "impute" the mean of each fold's training rows.
        censored: true where y is only a lower bound of log10 rate, shape (k,). Bounds train, held out with their
            group; they are predicted and scored nowhere.
        device: where the folds are fitted, "cpu" or a CUDA device, as in `fit_surrogate`.

    Raises:
        TrainingDataError: for arrays nothing can be learnt from. UnknownSurrogateError, ScreeningError: for names.
        DeviceError: if the device is not there, or nothing of this surrogate would run on it.
    """
    problem, recipe = make_problem(x, y, noise, groups, missing, censored), get_recipe(name, device)
    folds = {split: hold_out(split, problem.groups, seed) for split in splits}
    folds.update({split: list(tests) for split, tests in (holdouts or {}).items()})
    folds = {split: _with_measurements(problem, tests) for split, tests in folds.items()}
    predicted = out_of_fold(recipe, problem, [t for tests in folds.values() for t in tests], seed, progress)
    frames: list[pd.DataFrame] = []
    at = 0
    for split, tests in folds.items():
        if not tests:
            continue
        frame = _frame(split, problem, tests, predicted[at : at + len(tests)])
        reference = frames[0] if split not in splits and frames else frame
        frame["sd_calibrated"] = frame["sd"] * _scales(frame, reference)
        at += len(tests)
        frames.append(frame)
    return Validation.of(recipe.name, pd.concat(frames, ignore_index=True))


def out_of_fold(
    recipe: Recipe,
    problem: Problem,
    tests: Sequence[NDArray[np.int64]],
    seed: int,
    progress: Progress | None = None,
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Mean and standard deviation of a measurement for the test rows of each fold, each of shape (rows,).

    Folds with the same test rows are fitted once; all others in batches of bounded memory.
    """
    unique: dict[bytes, int] = {}
    masks: list[NDArray[np.bool_]] = []
    for rows in tests:
        mask = np.ones(problem.n_rows, dtype=bool)
        mask[rows] = False
        if unique.setdefault(mask.tobytes(), len(masks)) == len(masks):
            masks.append(mask)
    means, variances = _predict_all(recipe, problem, np.array(masks), seed, progress)
    told = []
    for rows in tests:
        mask = np.ones(problem.n_rows, dtype=bool)
        mask[rows] = False
        fold = unique[mask.tobytes()]
        told.append((means[fold, rows], np.sqrt(variances[fold, rows] + problem.noise_variance[rows])))
    return told


def _with_measurements(problem: Problem, tests: Sequence[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Test sets that hold a measurement; the others have nothing to score."""
    return [rows for rows in tests if not problem.censored[rows].all()]


def _predict_all(
    recipe: Recipe, problem: Problem, masks: NDArray[np.bool_], seed: int, progress: Progress | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    size = max(1, MAX_BATCH_NUMBERS // problem.n_rows**2)
    means, variances = np.empty(masks.shape), np.empty(masks.shape)
    for start in range(0, len(masks), size):
        batch = slice(start, start + size)
        means[batch], variances[batch] = recipe.fit(problem, masks[batch], seed).predict(problem.x)
        if progress is not None:
            progress(min(start + size, len(masks)), len(masks), f"{recipe.name} out of fold")
    return means, variances


def _frame(
    split: str,
    problem: Problem,
    tests: Sequence[NDArray[np.int64]],
    predicted: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> pd.DataFrame:
    columns: Mapping[str, NDArray[Any]] = {
        "row": np.concatenate(list(tests)),
        "fold": np.concatenate([np.full(t.size, i) for i, t in enumerate(tests)]),
        "mean": np.concatenate([m for m, _ in predicted]),
        "sd": np.concatenate([s for _, s in predicted]),
    }
    frame = pd.DataFrame(columns)
    measured = ~problem.censored[frame["row"].to_numpy()]
    frame = pd.DataFrame(frame[measured]).sort_values(["row", "fold"], ignore_index=True)
    frame.insert(1, "split", split)
    frame.insert(3, "y", problem.y[frame["row"].to_numpy()])
    return frame


def _scales(frame: pd.DataFrame, reference: pd.DataFrame) -> NDArray[np.float64]:
    """Recalibration of each row, from errors of the reference split on rows outside the row's fold."""
    error, sd = (reference["y"] - reference["mean"]).to_numpy(), reference["sd"].to_numpy()
    scales = np.ones(len(frame))
    for fold, inside in frame.groupby("fold"):
        outside = ~reference["row"].isin(inside["row"]).to_numpy()
        scales[(frame["fold"] == fold).to_numpy()] = fit_scale(error[outside], sd[outside])
    return scales
