"""The ranking as a frozen value: a frame for people, the arrays of the same rows for the batch selection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from screening.calibration import half_width
from screening.errors import RankingError

__all__ = ["NEAREST", "MeasuredSet", "Ranking", "add_nearest", "lifetime_columns"]


@dataclass(frozen=True)
class MeasuredSet:
    """Labels and features of what has been measured.

    Attributes:
        labels: formulas or names, k of them.
        x: features, shape (k, d), as the surrogate was trained on.
    """

    labels: tuple[str, ...]
    x: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.x.ndim != 2 or len(self.labels) != len(self.x):
            raise RankingError(f"{len(self.labels)} labels for measured features of shape {self.x.shape}: one a row")

    def nearest(self, x: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Row of the nearest measured compound and its distance, for features (m, d); shapes (m,) and (m,).

        Distance: root mean square over the d features of the difference in standard deviations of the measured set.
        """
        scaled, reference = x / self._scale, self.x / self._scale
        squared = ((scaled**2).sum(1)[:, None] + (reference**2).sum(1)[None, :] - 2.0 * scaled @ reference.T).clip(0.0)
        row = squared.argmin(axis=1)
        exact = ((scaled - reference[row]) ** 2).mean(axis=1)
        return row.astype(np.int64), np.sqrt(exact)

    def distances(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance of features (m, d) to each measured compound, by the measure of `nearest`, shape (m, k)."""
        squared = ((x[:, None, :] / self._scale - self.x[None, :, :] / self._scale) ** 2).mean(axis=2)
        distance: NDArray[np.float64] = np.sqrt(squared)
        return distance

    def apart(self, x: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance of features (m, d) to the nearest of others (p, d), by the same measure, shape (m,); infinite
        where there are none."""
        squared = ((x[:, None, :] / self._scale - others[None, :, :] / self._scale) ** 2).mean(axis=2)
        distance: NDArray[np.float64] = np.sqrt(squared.min(axis=1, initial=np.inf))
        return distance

    def alone(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance of features (m, d) to the nearest measured compound that is another one, by the same measure, shape
        (m,): zero distances (replicates, and a measured compound itself) are left out; infinite where none is left."""
        distance = self.distances(x)
        distance[distance <= 1e-9] = np.inf
        alone: NDArray[np.float64] = distance.min(axis=1, initial=np.inf)
        return alone

    @property
    def domain_radius(self) -> float:
        """Applicability domain: candidates farther than this from every measured compound are outside it.

        The 95th percentile of each measured compound's distance to its nearest different neighbour, so about one
        measured compound in twenty would itself have counted as outside. Zero distances (replicates) are left out.
        """
        gap = self.alone(self.x)
        gap = gap[np.isfinite(gap)]
        return float(np.quantile(gap, 0.95)) if gap.size else 0.0

    @property
    def _scale(self) -> NDArray[np.float64]:
        spread = self.x.std(axis=0)
        return np.where(spread > 0.0, spread, 1.0)


#: Column of the measured compound that is nearest in descriptor space.
NEAREST = "nearest_measured"
#: Columns of a ranking's frame, in order. `mean` and `sd` are of log10(rate in 1/ps); `acquisition` is the value ranked
#: by, log EI + log feasibility; the interval is the central 90% one.
RANKING_COLUMNS = (
    "index",
    "formula",
    "mean",
    "sd",
    "lifetime_ps",
    "lifetime_low_ps",
    "lifetime_high_ps",
    "acquisition",
    "feasibility",
    NEAREST,
    "distance",
    "in_domain",
)

_Z90 = float(half_width(0.9))


@dataclass(frozen=True)
class Ranking:
    """The best candidates of one pass, best first.

    Attributes:
        frame: one row a candidate, columns `RANKING_COLUMNS`.
        x: features of the same rows, shape (k, d).
        spacer: position of each row's spacer in the space, shape (k,).
        log_feasibility: logarithm of P(forms), shape (k,); zeros without a feasibility model.
        best_observed: value the improvement is counted from, log10(rate in 1/ps).
        n_scored: compounds passed over; of these n_excluded: measured, pending or excluded; n_undescribed: without
            descriptors; n_bounded: their bound alone showed that they cannot reach the list, so the whole prediction
            was left out.
    """

    frame: pd.DataFrame
    x: NDArray[np.float64]
    spacer: NDArray[np.int64]
    log_feasibility: NDArray[np.float64]
    best_observed: float
    n_scored: int
    n_excluded: int
    n_undescribed: int
    n_bounded: int = 0

    def __len__(self) -> int:
        return len(self.frame)


def lifetime_columns(mean: NDArray[np.float64], sd: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Median lifetime in ps and its central 90% interval from mean and sd of log10(rate), shapes (m,)."""
    return {
        "lifetime_ps": 10.0 ** (-mean),
        "lifetime_low_ps": 10.0 ** (-(mean + _Z90 * sd)),
        "lifetime_high_ps": 10.0 ** (-(mean - _Z90 * sd)),
    }


def add_nearest(frame: pd.DataFrame, x: NDArray[np.float64], measured: MeasuredSet | None) -> None:
    """Write the columns on the nearest measured compound of features (m, d); NaN where nothing is measured."""
    if measured is None or not len(measured.labels):
        frame[NEAREST], frame["distance"], frame["in_domain"] = "", np.nan, False
        return
    row, distance = measured.nearest(x)
    frame[NEAREST] = [measured.labels[position] for position in row]
    frame["distance"] = distance
    frame["in_domain"] = distance <= measured.domain_radius
