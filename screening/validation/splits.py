"""The ways of holding rows out, each a list of test sets over the rows of one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import isnan, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening.calibration import crps, half_width, log_density, normal_half_width
from screening.errors import ScreeningError

__all__ = ["hold_out", "random_holdouts", "score"]


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
    singles = "single predictions are useful" if r2 >= TRUST_R2 else "do not trust single predictions"
    return f"{ranking} (worst out-of-fold R2 {r2:.2f}); {_intervals(judged)}; {singles}"


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
