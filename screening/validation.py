"""Honest scores: out-of-fold predictions of any surrogate by any split, all folds fitted together; and the full score
card: every split, shuffled targets, a spacer-only control, baselines, learning curve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import isnan, pi, sqrt
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from chemspace.progress import Progress
from screening.calibration import crps, fit_scale, half_width, log_density, normal_half_width
from screening.errors import ScreeningError, TrainingDataError
from screening.surrogates.recipe import FoldFits, Recipe, TrainingRows
from screening.surrogates.registry import DEFAULT_SURROGATE, get_recipe

__all__ = ["hold_out", "out_of_fold", "random_holdouts", "score", "verdict_of"]

#: More models than this are not trained for one split.
MAX_FOLDS = 1000
K_FOLDS, K_REPEATS = 10, 3
#: Up to so many rows every group is a fold of its own. Of more, whole groups are dealt to as many folds as times rows
#: make `FOLD_ROWS`, at least `LEAST_FOLDS`: the cost of a validation then grows with the rows, not with their square.
EXACT_ROWS, FOLD_ROWS, LEAST_FOLDS = 60, 1500, 5

Split = Callable[[NDArray[np.int64], int], list[NDArray[np.int64]]]


def _leave_one_out(groups: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    del seed
    return [np.array([i]) for i in range(groups.size)]


def most_parts(n_rows: int) -> int:
    """Parts to which whole groups of more than `EXACT_ROWS` rows are dealt at most."""
    return max(LEAST_FOLDS, FOLD_ROWS // max(n_rows, 1))


def _leave_one_group_out(groups: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    codes, most = np.unique(groups), most_parts(groups.size)
    if groups.size <= EXACT_ROWS or len(codes) <= most:
        return [np.flatnonzero(groups == code) for code in codes]
    dealt = np.array_split(np.random.default_rng(seed).permutation(codes), most)
    return [np.flatnonzero(np.isin(groups, part)) for part in dealt]


def _k_fold(groups: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    order = np.random.default_rng(seed).permutation(groups.size)
    return [np.sort(part) for part in np.array_split(order, min(K_FOLDS, groups.size))]


def _repeated_k_fold(groups: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    return [part for repeat in range(K_REPEATS) for part in _k_fold(groups, seed + repeat)]


#: Split name to function of (group codes (k,), seed), returning test rows of each fold.
SPLITS: dict[str, Split] = {
    "leave_one_out": _leave_one_out,
    "leave_one_compound_out": _leave_one_group_out,
    "leave_one_spacer_out": _leave_one_group_out,
    "k_fold": _k_fold,
    "repeated_k_fold": _repeated_k_fold,
}


#: Splits whose groups are compounds; those of the others are spacers.
BY_COMPOUND = ("leave_one_compound_out",)
#: Those whose scores are shown everywhere: all rows of a compound, and all rows of a spacer.
LEAVE_OUT_SPLITS = ("leave_one_compound_out", "leave_one_spacer_out")


def hold_out(name: str, groups: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    """Test rows of each fold of a split of `SPLITS`, each of shape (rows,), by the code of each row's group (k,). A
    `ScreeningError` for an unknown name, a split that leaves nothing to train on, or one of more than `MAX_FOLDS`
    folds."""
    if name not in SPLITS:
        raise ScreeningError(f"no split is called {name!r}; there are {', '.join(SPLITS)}")
    folds = SPLITS[name](groups, seed)
    if len(folds) > MAX_FOLDS:
        raise ScreeningError(
            f"{name} of {groups.size} rows would train {len(folds)} models; at most {MAX_FOLDS} are: use k_fold"
        )
    if len(folds) < 2:
        raise ScreeningError(f"{name}: all {groups.size} rows belong to one group, nothing is left to train on")
    return folds


def random_holdouts(n_rows: int, size: int, draws: int, generator: np.random.Generator) -> list[NDArray[np.int64]]:
    """`draws` random test sets of `size` rows each, shape (size,), ascending; a row may be in several of them."""
    return [np.sort(generator.choice(n_rows, size, replace=False)) for _ in range(draws)]


#: Interval levels at which miscalibration is averaged.
LEVELS = np.linspace(0.01, 0.99, 99)


@dataclass(frozen=True)
class ScoreCard:
    """Scores of out-of-fold predictions of one split; NaN where a score is undefined.

    Attributes:
        n_rows: predictions scored.
        r2_log: coefficient of determination on log10 rate, against the mean of the scored rows.
        r2_rate: the same on the rate itself, predicted as 10 to the mean.
        mae_log, rmse_log: in log10 units.
        spearman: rank correlation of predicted and measured.
        nlpd: mean negative log predictive density, nats. crps: mean continuous ranked probability score, log10 units
            (Gneiting and Raftery 2007, doi 10.1198/016214506000001437); both of the recalibrated t distribution.
        coverage_50, coverage_80, coverage_90, coverage_95: share of rows inside the central interval.
        miscalibration_area: mean absolute difference of nominal and actual coverage over all levels.
        spread_error_spearman: rank correlation of predicted sd and absolute error.
        coverage_90_raw, nlpd_raw: before recalibration, of the normal distribution.
    """

    n_rows: int
    r2_log: float
    r2_rate: float
    mae_log: float
    rmse_log: float
    spearman: float
    nlpd: float
    crps: float
    coverage_50: float
    coverage_80: float
    coverage_90: float
    coverage_95: float
    miscalibration_area: float
    spread_error_spearman: float
    coverage_90_raw: float
    nlpd_raw: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; undefined scores are None."""
        return {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in asdict(self).items()}


def score(
    y: NDArray[np.float64],
    mean: NDArray[np.float64],
    sd: NDArray[np.float64],
    sd_raw: NDArray[np.float64] | None = None,
    rate: NDArray[np.float64] | None = None,
) -> ScoreCard:
    """Score predictions: measured log10 rates y (k,), predicted `mean` (k,), recalibrated standard deviation of a
    measurement around it `sd` (k,), and before that `sd_raw`. `rate`: predicted in 1/ps for `r2_rate`; absent, 10 to
    the mean."""
    raw = sd if sd_raw is None else sd_raw
    error = y - mean
    covered = {level: _coverage(error, sd, float(half_width(level / 100.0))) for level in (50, 80, 90, 95)}
    actual = np.array([_coverage(error, sd, width) for width in half_width(LEVELS)])
    return ScoreCard(
        n_rows=int(y.size),
        r2_log=_r2(y, mean),
        r2_rate=_r2(_rate(y), _rate(mean) if rate is None else rate),
        mae_log=float(np.abs(error).mean()),
        rmse_log=float(np.sqrt((error**2).mean())),
        spearman=rank_correlation(y, mean),
        nlpd=float(-log_density(error, sd).mean()),
        crps=float(crps(error, sd).mean()),
        coverage_50=covered[50],
        coverage_80=covered[80],
        coverage_90=covered[90],
        coverage_95=covered[95],
        miscalibration_area=float(np.abs(actual - LEVELS).mean()),
        spread_error_spearman=rank_correlation(sd, np.abs(error)),
        coverage_90_raw=_coverage(error, raw, normal_half_width()),
        nlpd_raw=float(np.mean(0.5 * (error / raw) ** 2 + np.log(raw * sqrt(2.0 * pi)))),
    )


def _r2(y: NDArray[np.float64], mean: NDArray[np.float64]) -> float:
    total = float(((y - y.mean()) ** 2).sum())
    if total <= 1e-20:
        return float("nan")
    return 1.0 - float(((y - mean) ** 2).sum()) / total


def _rate(log10_rate: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rate in 1/ps; logarithms beyond 30 count as 30, so that a wild prediction gives a bad score, not an overflow."""
    rate: NDArray[np.float64] = 10.0 ** np.clip(log10_rate, -30.0, 30.0)
    return rate


def rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Spearman's, equal values sharing their mean rank, of (k,) and (k,); NaN where it is undefined."""
    if a.size < 3 or np.ptp(a) <= 1e-12 or np.ptp(b) <= 1e-12:
        return float("nan")
    inverse, counts = zip(*(np.unique(one, return_inverse=True, return_counts=True)[1:] for one in (a, b)), strict=True)
    ranks = [(np.cumsum(n) - 0.5 * n)[i] for i, n in zip(inverse, counts, strict=True)]
    return float(np.corrcoef(*ranks)[0, 1])


def _coverage(error: NDArray[np.float64], sd: NDArray[np.float64], width: float) -> float:
    return float((np.abs(error) <= width * sd).mean())


#: Splits that score fewer rows than this do not count while a larger one does: 14 rows cannot tell 80% from 100%.
FEW_ROWS = 20
#: 90% intervals that hold between these shares of rows are called honest.
HONEST_COVERAGE = (0.82, 0.98)
#: Out-of-fold R2 from which single predictions, and from which rankings, are called useful.
TRUST_R2, RANK_R2, RANK_SPEARMAN = 0.8, 0.2, 0.4


def grade(cards: Mapping[str, ScoreCard]) -> str:
    """Verdict over all splits of enough rows, the worst deciding: better than chance, intervals, single predictions."""
    judged = {split: card for split, card in cards.items() if card.n_rows >= FEW_ROWS} or dict(cards)
    worst = min(judged.values(), key=lambda card: _or_low(card.r2_log))
    r2, spearman = worst.r2_log, worst.spearman
    if isnan(r2):
        return "cannot be judged: all targets are equal"
    if r2 <= 0.0:
        ranking = "no better than the mean of the measurements: explore only, do not believe its ranking"
    elif r2 < RANK_R2 or _or_low(spearman) < RANK_SPEARMAN:
        ranking = "ranks slightly better than chance: explore"
    else:
        ranking = "ranks unseen compounds usefully"
    return f"{ranking} (worst out-of-fold R2 {r2:.2f}); {_intervals(judged)}; {_singles(r2)}"


def _or_low(value: float) -> float:
    return -1.0 if isnan(value) else value


def _intervals(cards: Mapping[str, ScoreCard]) -> str:
    low = min(card.coverage_90 for card in cards.values())
    high = max(card.coverage_90 for card in cards.values())
    shares = f"{low:.0%}" if round(low, 2) == round(high, 2) else f"{low:.0%} to {high:.0%}"
    if low < HONEST_COVERAGE[0]:
        return f"90% intervals are too narrow (they hold {shares})"
    if high > HONEST_COVERAGE[1]:
        return f"90% intervals are wide (they hold {shares})"
    return f"90% intervals are honest (they hold {shares})"


def _singles(r2: float) -> str:
    return "single predictions are useful" if r2 >= TRUST_R2 else "do not trust single predictions"


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
        splits: names from `screening.validation.SPLITS`.
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
    from screening.surrogates.mixture import MAX_PROCESS_ROWS, MixtureRecipe  # imports torch

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
