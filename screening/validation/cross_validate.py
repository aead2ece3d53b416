"""Out-of-fold predictions of any surrogate by any split, all folds fitted together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chemspace.progress import Progress
from screening.calibration import fit_scale
from screening.surrogates.recipe import FoldFits, Recipe, TrainingRows
from screening.surrogates.registry import DEFAULT_SURROGATE, get_recipe
from screening.validation.splits import BY_COMPOUND, LEAVE_OUT_SPLITS, ScoreCard, grade, hold_out, score

__all__ = ["out_of_fold"]

#: Numbers of a covariance matrix that one batch of folds may hold, 160 MB in double precision.
MAX_BATCH_NUMBERS = 20_000_000


class Refit(NamedTuple):
    """One fold of some fits."""

    fits: FoldFits
    fold: int


@dataclass(frozen=True)
class Validation:
    """What a surrogate predicted for rows it had not seen."""

    name: str  #: of the surrogate
    #: One row a split and table row: row, split, fold, y, mean, sd, sd_calibrated (log10 units; both standard
    #: deviations are those of a measurement, its own error included; intervals by `screening.calibration.half_width`).
    predictions: pd.DataFrame
    score_cards: dict[str, ScoreCard]  #: by split
    grade: str  #: the verdict in plain words
    #: Of the first split, test rows (rows,) and fit of each fold; none where they are not kept. Whoever is done with
    #: them empties the list: they hold every weight of every fold.
    refits: list[tuple[NDArray[np.int64], Refit]] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def of(cls, name: str, predictions: pd.DataFrame) -> Validation:
        """Score cards and grade that follow from a surrogate's predictions, columns as described above."""
        cards: dict[str, ScoreCard] = {}
        for split in dict.fromkeys(predictions["split"]):
            frame = predictions[predictions["split"] == split]
            cards[str(split)] = score(*(frame[c].to_numpy(dtype=float) for c in ("y", "mean", "sd_calibrated", "sd")))
        return cls(name, predictions, cards, grade(cards))

    def without(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Mean and standard deviation (r,) of rows (r,), ascending, by the fold whose test rows they are; None without
        one among the `refits`, or where a bound, which no fold predicts, is among them."""
        if not any(np.array_equal(rows, test) for test, _ in self.refits):
            return None
        first = self.predictions["split"] == self.predictions["split"].iloc[0]
        own = self.predictions[first & self.predictions["row"].isin(rows)]
        return (own["mean"].to_numpy(), own["sd"].to_numpy()) if len(own) == len(rows) else None

    def to_dict(self) -> dict[str, Any]:
        """Name, grade and score cards as plain values."""
        return {
            "name": self.name,
            "grade": self.grade,
            "score_cards": {split: card.to_dict() for split, card in self.score_cards.items()},
        }


def cross_validate(
    training: TrainingRows,
    name: str = DEFAULT_SURROGATE,
    seed: int = 42,
    *,
    splits: Sequence[str] = LEAVE_OUT_SPLITS,
    holdouts: Mapping[str, Sequence[NDArray[np.int64]]] | None = None,
    progress: Progress | None = None,
    device: str = "cpu",
) -> Validation:
    """Predict every row by models that never saw it, and score the predictions.

    Everything that is fitted (standardisation, hyperparameters, early stopping, weights of the mixture) is fitted
    inside each fold, but for the pooled error of rows that state none; the recalibration of a row uses the errors of
    other folds only. Bounds train, held out with their group; they are predicted and scored nowhere, and so are rows of
    related tasks: what is left out is left out of every task.

    Args:
        training: the rows.
        name: of the surrogate.
        seed: of every random draw.
        splits: names from `screening.validation.splits.SPLITS`.
        holdouts: further splits: name to test rows, shape (rows,), of each of its folds, which need not cover the
            table. Their intervals are recalibrated by the errors that the first of `splits` makes on rows outside the
            test set.
        progress: called after every batch of folds.
        device: where the folds are fitted, "cpu" or a CUDA device, as in `fit_surrogate`.

    Raises:
        UnknownSurrogateError, ScreeningError: for names.
        DeviceError: if the device is not there, or nothing of this surrogate would run on it.

    Example:
        >>> from screening import TrainingRows, cross_validate
        >>> rows = TrainingRows.of([[i / 10] for i in range(8)], [i / 10 for i in range(8)], groups="aabbccdd")
        >>> validation = cross_validate(rows, "linear")
        >>> round(validation.score_cards["leave_one_spacer_out"].r2_log, 3)
        1.0
    """
    recipe = get_recipe(name, device, tasks=bool(training.tasks.any()))
    folds = {split: held_out(split, training, seed) for split in splits}
    folds.update({split: list(tests) for split, tests in (holdouts or {}).items()})
    folds = {split: [rows for rows in tests if training.measured[rows].any()] for split, tests in folds.items()}
    fitted = _fitted(recipe, training, [t for tests in folds.values() for t in tests], seed, progress)
    predicted = [fold.predicted for fold in fitted]
    frames: list[pd.DataFrame] = []
    at = 0
    for split, tests in folds.items():
        if not tests:
            continue
        frame = _frame(split, training, tests, predicted[at : at + len(tests)])
        reference = frames[0] if split not in splits and frames else frame
        frame["sd_calibrated"] = frame["sd"] * _scales(frame, reference)
        at += len(tests)
        frames.append(frame)
    refits = [(rows, fold.fit) for rows, fold in zip(next(iter(folds.values())), fitted, strict=False)]
    return replace(Validation.of(recipe.name, pd.concat(frames, ignore_index=True)), refits=refits)


def held_out(split: str, training: TrainingRows, seed: int) -> list[NDArray[np.int64]]:
    """Test rows, each of shape (rows,), of each fold of a split, those of related tasks of the same groups too."""
    codes, own = training.compounds if split in BY_COMPOUND else training.groups, np.flatnonzero(training.tasks == 0)
    tests = [own[rows] for rows in hold_out(split, codes[own], seed)]
    if len(own) == training.n_rows:
        return tests
    related = training.tasks > 0
    return [np.concatenate([rows, np.flatnonzero(related & np.isin(codes, codes[rows]))]) for rows in tests]


def out_of_fold(
    recipe: Recipe,
    training: TrainingRows,
    tests: Sequence[NDArray[np.int64]],
    seed: int,
    progress: Progress | None = None,
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Mean and standard deviation of a measurement for the test rows of each fold, each (rows,)."""
    return [fold.predicted for fold in _fitted(recipe, training, tests, seed, progress)]


class _Fold(NamedTuple):
    """What one fold predicts for its test rows, mean and standard deviation (rows,), and its fit."""

    predicted: tuple[NDArray[np.float64], NDArray[np.float64]]
    fit: Refit


def _fitted(
    recipe: Recipe,
    training: TrainingRows,
    tests: Sequence[NDArray[np.int64]],
    seed: int,
    progress: Progress | None = None,
) -> list[_Fold]:
    """Each fold; those with the same test rows are fitted once, all others in batches of bounded memory."""
    masks = np.ones((len(tests), training.n_rows), dtype=bool)
    for mask, rows in zip(masks, tests, strict=True):
        mask[rows] = False
    _, first, place = np.unique(masks, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)  # folds as they came
    unique, place = masks[first[order]], np.argsort(order)[place.reshape(-1)]
    size = max(1, MAX_BATCH_NUMBERS // training.n_rows**2)
    means, variances, fits = np.empty(unique.shape), np.empty(unique.shape), list[Refit]()
    for start in range(0, len(unique), size):
        batch = slice(start, start + size)
        fitted = recipe.fit(training, unique[batch], seed)
        means[batch], variances[batch] = fitted.predict(training.x)
        fits += [Refit(fitted, fold) for fold in range(len(unique[batch]))]
        if progress is not None:
            progress(min(start + size, len(unique)), len(unique), f"{recipe.name} out of fold")
    sd = np.sqrt(variances + training.noise_variance)
    return [_Fold((means[at, rows], sd[at, rows]), fits[at]) for rows, at in zip(tests, place, strict=True)]


def _frame(
    split: str,
    training: TrainingRows,
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
    measured = training.measured[frame["row"].to_numpy()]
    frame = pd.DataFrame(frame[measured]).sort_values(["row", "fold"], ignore_index=True)
    frame.insert(1, "split", split)
    frame.insert(3, "y", training.y[frame["row"].to_numpy()])
    return frame


def _scales(frame: pd.DataFrame, reference: pd.DataFrame) -> NDArray[np.float64]:
    """Recalibration of each row, from errors of the reference split on rows outside the row's fold."""
    error, sd = (reference["y"] - reference["mean"]).to_numpy(), reference["sd"].to_numpy()
    scales = np.ones(len(frame))
    for fold, inside in frame.groupby("fold"):
        outside = ~reference["row"].isin(inside["row"]).to_numpy()
        scales[(frame["fold"] == fold).to_numpy()] = fit_scale(error[outside], sd[outside])
    return scales
