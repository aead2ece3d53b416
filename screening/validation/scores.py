"""The score card: how far out-of-fold predictions are off, and whether their intervals hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, spearmanr

from screening.calibration import crps, half_width, log_density

__all__ = ["ScoreCard", "score"]

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
    """Score predictions.

    Args:
        y: measured log10 rate, shape (k,). mean: predicted, shape (k,).
        sd: recalibrated standard deviation of a measurement around the mean, shape (k,).
        sd_raw: before recalibration; absent, `sd`.
        rate: predicted rate in 1/ps for `r2_rate`; absent, 10 to the mean.
    """
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
        spearman=_rank_correlation(y, mean),
        nlpd=float(-log_density(error, sd).mean()),
        crps=float(crps(error, sd).mean()),
        coverage_50=covered[50],
        coverage_80=covered[80],
        coverage_90=covered[90],
        coverage_95=covered[95],
        miscalibration_area=float(np.abs(actual - LEVELS).mean()),
        spread_error_spearman=_rank_correlation(sd, np.abs(error)),
        coverage_90_raw=_coverage(error, raw, float(norm.ppf(0.95))),
        nlpd_raw=float(-np.mean(norm.logpdf(error, scale=raw))),
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


def _rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if a.size < 3 or np.ptp(a) <= 1e-12 or np.ptp(b) <= 1e-12:
        return float("nan")
    return float(spearmanr(a, b).statistic)


def _coverage(error: NDArray[np.float64], sd: NDArray[np.float64], width: float) -> float:
    return float((np.abs(error) <= width * sd).mean())
