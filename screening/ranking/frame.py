"""The ranking as a frozen value: a frame for people, the arrays of the same rows for the batch selection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from screening.calibration import half_width
from screening.ranking.nearest import MeasuredSet

__all__ = ["RANKING_COLUMNS", "Ranking", "add_nearest", "lifetime_columns"]

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
    "nearest_measured",
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
        frame["nearest_measured"], frame["distance"], frame["in_domain"] = "", np.nan, False
        return
    row, distance = measured.nearest(x)
    frame["nearest_measured"] = [measured.labels[position] for position in row]
    frame["distance"] = distance
    frame["in_domain"] = distance <= measured.domain_radius
