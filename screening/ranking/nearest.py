"""The measured compound most like a candidate, in the feature space that the surrogate sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screening.errors import RankingError

__all__ = ["MeasuredSet"]


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
