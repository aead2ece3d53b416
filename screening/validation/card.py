"""The full score card: every split, shuffled targets, a spacer-only control, baselines, learning curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from chemspace.progress import Progress
from screening.errors import TrainingDataError
from screening.surrogates.recipe import TrainingRows
from screening.surrogates.registry import DEFAULT_SURROGATE
from screening.validation.cross_validate import Validation, cross_validate
from screening.validation.splits import LEAVE_OUT_SPLITS, random_holdouts

__all__ = ["FullCard", "full_score_card"]


#: What every score is set beside.
BASELINE_NAMES = ("mean", "two_group", "linear", "random_forest", "svr", "xgboost")
#: Shuffles of the targets, and shares of the rows at which the learning curve is drawn.
SHUFFLES, SHARES = 5, (0.4, 0.6, 0.8)
#: Random training sets a point of the learning curve.
CURVE_DRAWS = 8


@dataclass(frozen=True)
class FullCard:
    """Everything that is known about how a surrogate predicts rows it has not seen.

    Attributes:
        validation: leave-one-out, leave-one-spacer-out, repeated ten-fold and the caller's holdouts.
        scrambled_r2_log: leave-one-spacer-out R2 with shuffled targets, one a shuffle; near or below zero or the
            validation leaks.
        spacer_only_r2_log: leave-one-out R2 of the same surrogate told only which spacer a row has: what knowing the
            spacer's other compounds is worth without any descriptor.
        baselines: validations of the baselines by the two leave-out splits.
        curve: share of rows trained on to R2 on the other rows.
    """

    validation: Validation
    scrambled_r2_log: tuple[float, ...]
    spacer_only_r2_log: float
    baselines: dict[str, Validation]
    curve: dict[float, float]

    @property
    def verdict(self) -> str:
        """The grade, and which baselines are as good or better by leave-one-spacer-out R2."""
        split = "leave_one_spacer_out"
        own = self.validation.score_cards[split].r2_log
        better = [n for n, told in self.baselines.items() if told.score_cards[split].r2_log >= own]
        beside = f"not better than {', '.join(better)}" if better else "better than every baseline"
        return f"{self.validation.grade}; {beside} on spacers never seen" if self.baselines else self.validation.grade

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            **self.validation.to_dict(),
            "verdict": self.verdict,
            "scrambled_r2_log": [round(r, 4) for r in self.scrambled_r2_log],
            "spacer_only_r2_log": round(self.spacer_only_r2_log, 4),
            "baselines": {name: told.to_dict()["score_cards"] for name, told in self.baselines.items()},
            "learning_curve": {f"{share:.2f}": round(r2, 4) for share, r2 in self.curve.items()},
        }


def full_score_card(
    training: TrainingRows,
    name: str = DEFAULT_SURROGATE,
    seed: int = 42,
    *,
    baselines: Sequence[str] = BASELINE_NAMES,
    holdouts: Mapping[str, Sequence[NDArray[np.int64]]] | None = None,
    progress: Progress | None = None,
) -> FullCard:
    """Validate a surrogate in every way at once; arguments and errors as `cross_validate`.

    Args:
        training: the rows; baselines cannot impute.
        name: of the surrogate.
        seed: of every random draw.
        baselines: names of the surrogates to set beside it.
        holdouts: further splits, test rows of shape (rows,) each.
        progress: called after every part.
    """
    total = 4 + len(baselines)

    def say(done: int, note: str) -> None:
        if progress is not None:
            progress(done, total, note)

    validation = cross_validate(training, name, seed, splits=(*LEAVE_OUT_SPLITS, "repeated_k_fold"), holdouts=holdouts)
    say(1, name)
    scrambled = tuple(_scrambled(training, seed + i, name) for i in range(SHUFFLES))
    say(2, "shuffled targets")
    one_hot = (training.groups[:, None] == np.unique(training.groups)).astype(np.float64)
    control = cross_validate(replace(training, x=one_hot), name, seed, splits=("leave_one_out",))
    say(3, "spacer only")
    curve = learning_curve(training, name, seed)
    say(4, "learning curve")
    others = {}
    for i, other in enumerate(baselines):
        others[other] = cross_validate(training, other, seed)
        say(5 + i, other)
    return FullCard(validation, scrambled, control.score_cards["leave_one_out"].r2_log, others, curve)


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
    """Score cards of both paths on the same rows.

    Attributes:
        rows: which rows of the table were compared, shape (r,).
        computed: with the descriptors that need no experiment. measured: with the measured ones beside them.
    """

    rows: NDArray[np.int64]
    computed: Validation
    measured: Validation

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
    """Score a surrogate with and without measured descriptors on the rows that have them.

    Args:
        training: the rows, with the descriptors that need no experiment.
        measured: of `screening.structures.measured_features(missing="keep")`, shape (k, q), NaN where a value was not
            measured.
        name: of the surrogate.
        seed: of every random draw.
        missing: "refuse" compares the rows that have every value; "impute" those that have any, gaps filled by the
            mean of each fold's training rows.

    Raises:
        TrainingDataError: if too few rows have measured descriptors.
    """
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
