"""The full score card: every split, shuffled targets, a spacer-only control, baselines, learning curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from chemspace.progress import Progress
from screening.errors import TrainingDataError
from screening.surrogates.problem import Problem, make_problem
from screening.surrogates.registry import DEFAULT_SURROGATE
from screening.validation.cross_validate import Validation, cross_validate
from screening.validation.splits import random_holdouts

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
    x: ArrayLike,
    y: ArrayLike,
    noise: ArrayLike | None = None,
    groups: Sequence[object] | None = None,
    seed: int = 42,
    name: str = DEFAULT_SURROGATE,
    baselines: Sequence[str] = BASELINE_NAMES,
    holdouts: Mapping[str, Sequence[NDArray[np.int64]]] | None = None,
    progress: Progress | None = None,
    missing: str = "refuse",
    censored: ArrayLike | None = None,
) -> FullCard:
    """Validate a surrogate in every way at once; arguments as `cross_validate`.

    Args:
        x: features, shape (k, d). y: log10 rate, shape (k,). noise: standard deviations, shape (k,), or None.
        groups: spacer of each row, length k.
        seed: of every random draw. name: of the surrogate.
        baselines: names of the surrogates to set beside it.
        holdouts: further splits, as in `cross_validate`.
        progress: called after every part.
        missing, censored: as in `cross_validate`; the baselines cannot impute.

    Raises:
        TrainingDataError, UnknownSurrogateError, ScreeningError: as `cross_validate`.
    """
    problem = make_problem(x, y, noise, groups, missing, censored)
    total = 4 + len(baselines)

    def say(done: int, note: str) -> None:
        if progress is not None:
            progress(done, total, note)

    splits = ("leave_one_out", "leave_one_spacer_out", "repeated_k_fold")
    told = _validate(problem, problem.x, problem.y, seed, name, splits, holdouts)
    say(1, name)
    scrambled = tuple(_scrambled(problem, seed + i, name) for i in range(SHUFFLES))
    say(2, "shuffled targets")
    one_hot = (problem.groups[:, None] == np.unique(problem.groups)).astype(np.float64)
    control = _validate(problem, one_hot, problem.y, seed, name, ("leave_one_out",))
    say(3, "spacer only")
    curve = learning_curve(problem, seed, name)
    say(4, "learning curve")
    others = {}
    for i, other in enumerate(baselines):
        others[other] = _validate(problem, problem.x, problem.y, seed, other, splits[:2])
        say(5 + i, other)
    return FullCard(told, scrambled, control.score_cards["leave_one_out"].r2_log, others, curve)


def learning_curve(problem: Problem, seed: int, name: str = DEFAULT_SURROGATE) -> dict[float, float]:
    """R2 on the rows left out against the share of rows trained on; `CURVE_DRAWS` random training sets a share."""
    generator = np.random.default_rng(seed)
    holdouts = {}
    for share in SHARES:
        size = max(1, round((1.0 - share) * problem.n_rows))
        holdouts[f"{share}"] = random_holdouts(problem.n_rows, size, CURVE_DRAWS, generator)
    told = _validate(problem, problem.x, problem.y, seed, name, (), holdouts)
    return {share: told.score_cards[f"{share}"].r2_log for share in SHARES}


def _validate(
    problem: Problem,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    seed: int,
    name: str,
    splits: Sequence[str],
    holdouts: Mapping[str, Sequence[NDArray[np.int64]]] | None = None,
) -> Validation:
    noise, groups = np.sqrt(problem.noise_variance), [int(g) for g in problem.groups]
    missing = "impute" if np.isnan(x).any() else "refuse"
    return cross_validate(
        x, y, noise, groups, seed, name, splits, holdouts=holdouts, missing=missing, censored=problem.censored
    )


def _scrambled(problem: Problem, seed: int, name: str) -> float:
    order, measured = np.arange(problem.n_rows), np.flatnonzero(~problem.censored)
    order[measured] = np.random.default_rng(seed).permutation(measured)
    told = _validate(problem, problem.x, problem.y[order], seed, name, ("leave_one_spacer_out",))
    return told.score_cards["leave_one_spacer_out"].r2_log


_SPLITS = ("leave_one_out", "leave_one_spacer_out")
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
            for split in _SPLITS
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
    x: ArrayLike,
    measured: ArrayLike,
    y: ArrayLike,
    noise: ArrayLike | None,
    groups: Sequence[object],
    seed: int = 42,
    name: str = DEFAULT_SURROGATE,
    missing: str = "refuse",
) -> PathComparison:
    """Score a surrogate with and without measured descriptors on the rows that have them.

    Args:
        x: features, shape (k, d). measured: of `screening.structures.measured_features(missing="keep")`, shape (k, q),
            NaN where a value was not measured.
        y: log10 rate, shape (k,). noise: standard deviations, shape (k,), or None. groups: spacer of each row.
        seed: of every random draw. name: of the surrogate.
        missing: "refuse" compares the rows that have every value; "impute" those that have any, gaps filled by the
            mean of each fold's training rows.

    Raises:
        TrainingDataError: if too few rows have measured descriptors.
    """
    features, extra = np.asarray(x, dtype=np.float64), np.asarray(measured, dtype=np.float64)
    known = np.isfinite(extra)
    rows = np.flatnonzero(known.any(1) if missing == "impute" else known.all(1))
    if rows.size < MIN_COMPARED:
        raise TrainingDataError(
            f"{rows.size} rows have {'any' if missing == 'impute' else 'all'} of the measured descriptors; at least "
            f"{MIN_COMPARED} are needed to compare"
        )
    target, labels = np.asarray(y, dtype=np.float64)[rows], [groups[int(row)] for row in rows]
    error = None if noise is None else np.asarray(noise, dtype=np.float64)[rows]
    tables = (features[rows], np.hstack([features[rows], extra[rows]]))
    told = [cross_validate(t, target, error, labels, seed, name, _SPLITS, missing=missing) for t in tables]
    return PathComparison(rows, *told)
