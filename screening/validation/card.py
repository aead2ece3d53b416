"""The full score card: every split, shuffled targets, a spacer-only control, baselines, learning curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from chemspace.progress import Progress
from screening.errors import TrainingDataError
from screening.surrogates.mixture import MAX_PROCESS_ROWS, MixtureRecipe
from screening.surrogates.recipe import TrainingRows
from screening.surrogates.registry import DEFAULT_SURROGATE, get_recipe
from screening.validation.cross_validate import (
    EXACT_ROWS,
    LEAVE_OUT_SPLITS,
    Validation,
    cross_validate,
    most_parts,
    random_holdouts,
    rank_correlation,
)

__all__ = ["verdict_of"]


#: What every score is set beside.
BASELINE_NAMES = ("mean", "linear", "random_forest", "svr", "xgboost")
#: Shuffles of the targets, and shares of the rows at which the learning curve is drawn.
SHUFFLES, SHARES = 5, (0.4, 0.6, 0.8)
#: Random training sets a point of the learning curve.
CURVE_DRAWS = 8
#: Rank correlation times the root of the rows beyond which an order is shown (one-sided, 5% of chance orders).
ORDER_SHOWN = 1.645


@dataclass(frozen=True)
class FullCard:
    """Everything that is known about how a surrogate predicts rows it has not seen."""

    validation: Validation  #: leave-one-compound-out, leave-one-spacer-out, repeated ten-fold and the caller's holdouts
    #: Leave-one-spacer-out R2 with shuffled targets, one a shuffle; near or below zero or the validation leaks.
    scrambled_r2_log: tuple[float, ...]
    #: Leave-one-compound-out R2 of the same surrogate told only which spacer a row has: what knowing the spacer's other
    #: compounds is worth without any descriptor.
    spacer_only_r2_log: float
    baselines: dict[str, Validation]  #: validations of the baselines by the two leave-out splits
    curve: dict[float, float]  #: share of rows trained on to R2 on the other rows
    #: Squared error that the surrogate saves beside each baseline on spacers never seen, and its paired standard error
    #: with the rows of a spacer as one draw (log10 units squared).
    saved: dict[str, tuple[float, float]] = field(default_factory=dict)
    #: Rank correlation of predicted and measured on spacers never seen, within the slower of two groups, and the rows
    #: in it; None without groups.
    slow_order: tuple[float, int] | None = None

    @property
    def verdict(self) -> str:
        """The grade, beside which baselines it is shown to hold, and whether the order among slow compounds is."""
        parts = [self.validation.grade]
        if self.saved:
            open_ = [name.replace("_", " ") for name, (mean, error) in self.saved.items() if mean <= error]
            beside = f"not shown to be better than {', '.join(open_)}" if open_ else "better than every baseline"
            parts.append(f"{beside} on spacers never seen")
        return "; ".join([*parts, *order_among_slow(self.slow_order)])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            **self.validation.to_dict(),
            "verdict": self.verdict,
            "scrambled_r2_log": [round(r, 4) for r in self.scrambled_r2_log],
            "spacer_only_r2_log": round(self.spacer_only_r2_log, 4),
            "baselines": {name: told.to_dict()["score_cards"] for name, told in self.baselines.items()},
            "squared_error_saved": {name: [round(v, 4) for v in pair] for name, pair in self.saved.items()},
            "slow_order": None if self.slow_order is None else [round(self.slow_order[0], 4), self.slow_order[1]],
            "learning_curve": {f"{share:.2f}": round(r2, 4) for share, r2 in self.curve.items()},
        }


def full_score_card(
    training: TrainingRows,
    name: str = DEFAULT_SURROGATE,
    seed: int = 42,
    *,
    classes: Mapping[str, Sequence[str]] | None = None,
    baselines: Sequence[str] = BASELINE_NAMES,
    holdouts: Mapping[str, Sequence[NDArray[np.int64]]] | None = None,
    progress: Progress | None = None,
) -> FullCard:
    """Validate a surrogate in every way at once; arguments and errors as `cross_validate`. `classes` gives by name a
    label of each row, length k, whose means are baselines too, the first deciding which rows are the slower group;
    `baselines` names surrogates to set beside it, which cannot impute; `holdouts` are test rows of shape (rows,) each.
    """
    labels = {} if classes is None else dict(classes)
    total = 4 + len(labels) + len(baselines)

    def say(done: int, note: str) -> None:
        if progress is not None:
            progress(done, total, note)

    splits = (*LEAVE_OUT_SPLITS, "repeated_k_fold")
    validation = cross_validate(training, name, seed, splits=splits, holdouts=holdouts)
    say(1, name)
    scrambled = tuple(_scrambled(training, seed + i, name) for i in range(SHUFFLES))
    say(2, "shuffled targets")
    control = cross_validate(replace(training, x=_one_hot(training.groups)), name, seed, splits=LEAVE_OUT_SPLITS[:1])
    say(3, "spacer only")
    curve = learning_curve(training, name, seed)
    say(4, "learning curve")
    others = {}
    # A linear fit to columns that say which class a row is in is the mean of each class.
    tasks = [(label, "linear", replace(training, x=_one_hot(np.array(own)))) for label, own in labels.items()]
    for i, (label, recipe, rows) in enumerate([*tasks, *((other, other, training) for other in baselines)]):
        others[label] = cross_validate(rows, recipe, seed, splits=LEAVE_OUT_SPLITS)
        say(5 + i, label)
    return FullCard(
        validation,
        scrambled,
        control.score_cards[LEAVE_OUT_SPLITS[0]].r2_log,
        others,
        curve,
        {label: squared_error_saved(validation, other, training.groups) for label, other in others.items()},
        slow_order(validation, np.array(next(iter(labels.values())))) if labels else None,
    )


def _one_hot(labels: NDArray[Any]) -> NDArray[np.float64]:
    columns: NDArray[np.float64] = (labels[:, None] == np.unique(labels)).astype(np.float64)
    return columns


def squared_error_saved(
    own: Validation, other: Validation, groups: NDArray[np.int64], split: str = "leave_one_spacer_out"
) -> tuple[float, float]:
    """Squared error that `own` saves beside `other`, and its paired error; one of `groups` (k,) is one draw."""
    frames = [v.predictions[v.predictions["split"] == split].sort_values("row") for v in (own, other)]
    ours, theirs = (((f["y"] - f["mean"]) ** 2).to_numpy() for f in frames)
    return paired(theirs - ours, groups[frames[0]["row"].to_numpy()])


def paired(difference: NDArray[np.float64], groups: NDArray[np.int64]) -> tuple[float, float]:
    """Mean of differences (k,) and its standard error, rows of one group (k,) as one draw."""
    sums = np.bincount(groups, difference - difference.mean())
    return float(difference.mean()), float(np.sqrt((sums**2).sum()) / difference.size)


def verdict_of(validation: Validation, labels: Sequence[str]) -> str:
    """The grade; where the order among slow compounds is not shown, that; what of many rows is done in parts. `labels`
    are rows' groups, length k."""
    order = order_among_slow(slow_order(validation, np.array(labels)))
    return "; ".join([validation.grade, *order, *_in_parts(len(labels), validation.name)])


def _in_parts(n_rows: int, name: str) -> list[str]:
    """What a surrogate does not do with every one of so many rows, so that time and memory stay bounded."""
    told = []
    if n_rows > EXACT_ROWS:
        told.append(f"compounds and spacers of {n_rows:,} rows are left out in at most {most_parts(n_rows)} parts")
    if n_rows > MAX_PROCESS_ROWS and isinstance(recipe := get_recipe(name), MixtureRecipe) and recipe.kernels:
        told.append(f"its processes learn from {MAX_PROCESS_ROWS:,} of them, evenly spaced, the rest of it from all")
    return told


def order_among_slow(order: tuple[float, int] | None) -> list[str]:
    """What to say of a rank correlation and the rows it is of: nothing where it shows an order."""
    if order is None or order[0] * np.sqrt(max(order[1] - 1, 1)) > ORDER_SHOWN:
        return []
    return [f"it cannot tell which slow compound is the slowest (rank correlation {order[0]:.2f} in {order[1]} rows)"]


def slow_order(validation: Validation, labels: NDArray[Any]) -> tuple[float, int] | None:
    """Rank correlation on spacers never seen within the slower of the groups of rows, labels (k,), and its rows."""
    frame = validation.predictions[validation.predictions["split"] == "leave_one_spacer_out"]
    own = labels[frame["row"].to_numpy()]
    means = {label: frame["y"][own == label].mean() for label in np.unique(own)}
    slow = frame[own == min(means, key=lambda label: float(means[label]))]
    if len(means) < 2 or len(slow) < MIN_COMPARED:
        return None
    rank = rank_correlation(slow["y"].to_numpy(), slow["mean"].to_numpy())
    return (0.0 if np.isnan(rank) else float(rank)), len(slow)


def learning_curve(training: TrainingRows, name: str = DEFAULT_SURROGATE, seed: int = 42) -> dict[float, float]:
    """R2 on the rows left out against the share of rows trained on; `CURVE_DRAWS` random training sets a share."""
    generator = np.random.default_rng(seed)
    holdouts = {}
    for share in SHARES:
        size = max(1, round((1.0 - share) * training.n_rows))
        holdouts[f"{share}"] = random_holdouts(training.n_rows, size, CURVE_DRAWS, generator)
    validation = cross_validate(training, name, seed, splits=(), holdouts=holdouts)
    return {share: validation.score_cards[f"{share}"].r2_log for share in SHARES}


def _scrambled(training: TrainingRows, seed: int, name: str) -> float:
    order, measured = np.arange(training.n_rows), np.flatnonzero(training.measured)
    order[measured] = np.random.default_rng(seed).permutation(measured)
    scrambled = replace(training, y=training.y[order])
    validation = cross_validate(scrambled, name, seed, splits=("leave_one_spacer_out",))
    return validation.score_cards["leave_one_spacer_out"].r2_log


#: Fewer rows than this tell nothing about either path.
MIN_COMPARED = 8


@dataclass(frozen=True)
class PathComparison:
    """Score cards of both paths on the same rows."""

    rows: NDArray[np.int64]  #: which rows of the table were compared, shape (r,)
    computed: Validation  #: with the descriptors that need no experiment
    measured: Validation  #: with the measured ones beside them

    def table(self) -> pd.DataFrame:
        """One row a split and path: split, path and the scores of `ScoreCard`."""
        told = [
            {"split": split, "path": path, **card.to_dict()}
            for split in LEAVE_OUT_SPLITS
            for path, validation in (("computed", self.computed), ("computed and measured", self.measured))
            for card in (validation.score_cards[split],)
        ]
        return pd.DataFrame(told)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "rows": [int(row) for row in self.rows],
            "computed": self.computed.to_dict(),
            "computed and measured": self.measured.to_dict(),
        }


def compare_paths(
    training: TrainingRows, measured: ArrayLike, name: str = DEFAULT_SURROGATE, seed: int = 42, missing: str = "refuse"
) -> PathComparison:
    """Score a surrogate with and without the measured descriptors (k, q) of
    `screening.crystals.measured_features(missing="keep")` on the rows that have all of them ("refuse"), or any, gaps
    filled by the mean of each fold's training rows ("impute"). A `TrainingDataError` if too few rows have them."""
    extra = np.asarray(measured, dtype=np.float64)
    known = np.isfinite(extra)
    rows = np.flatnonzero(known.any(1) if missing == "impute" else known.all(1))
    if rows.size < MIN_COMPARED:
        raise TrainingDataError(
            f"{rows.size} rows have {'any' if missing == 'impute' else 'all'} of the measured descriptors; at least "
            f"{MIN_COMPARED} are needed to compare"
        )
    computed = training.part(rows)
    both = replace(computed, x=np.hstack([computed.x, extra[rows]]))
    return PathComparison(rows, *(cross_validate(path, name, seed) for path in (computed, both)))
