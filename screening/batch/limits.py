"""What a batch may not exceed: compounds a spacer, closeness, money and days."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screening.errors import BatchError

__all__ = ["BatchLimits", "Used"]


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Limits of one batch; None means unlimited.

    Attributes:
        max_per_spacer: compounds of one spacer in the batch.
        min_distance: smallest distance between two chosen compounds, and between a chosen and a pending one; root mean
            square over the features of the difference in standard deviations of the ranked candidates.
        max_cost: money for the whole batch, in the unit of `cost`.
        max_days: longest lead time of any member, in days.
    """

    max_per_spacer: int | None = None
    min_distance: float | None = None
    max_cost: float | None = None
    max_days: float | None = None

    def __post_init__(self) -> None:
        if self.max_per_spacer is not None and self.max_per_spacer < 1:
            raise BatchError(f"max_per_spacer is {self.max_per_spacer}; at least 1 lets a batch be chosen")
        for name in ("min_distance", "max_cost", "max_days"):
            value = getattr(self, name)
            if value is not None and not value >= 0.0:
                raise BatchError(f"{name} is {value}; it is a number of 0 or more")


class Used:
    """Keeps count of what a growing batch has used, and says which candidates still fit.

    Shapes: m candidates, d features. A candidate whose cost or lead time is NaN (unknown) does not fit a limited batch.
    """

    def __init__(
        self,
        limits: BatchLimits,
        spacer: NDArray[np.int64],
        x: NDArray[np.float64],
        pending: NDArray[np.float64],
        cost: NDArray[np.float64] | None,
        days: NDArray[np.float64] | None,
    ) -> None:
        if limits.max_cost is not None and cost is None:
            raise BatchError("max_cost is set but no candidate has a cost: give `cost`, one number a candidate")
        if limits.max_days is not None and days is None:
            raise BatchError("max_days is set but no candidate has a lead time: give `days`, one number a candidate")
        spread = x.std(axis=0)
        self._scale = np.where(spread > 0.0, spread, 1.0)
        self._limits, self._spacer, self._x, self._cost = limits, spacer, x, cost
        self._taken = np.zeros(len(x), dtype=bool)
        self._far = np.ones(len(x), dtype=bool)
        self._in_time = np.ones(len(x), dtype=bool)
        if limits.max_days is not None and days is not None:
            self._in_time = days <= limits.max_days
        self._count: Counter[int] = Counter()
        self._spent = 0.0
        for row in pending:
            self._keep_away(row)

    def fits(self) -> NDArray[np.bool_]:
        """Candidates that may still be added, shape (m,)."""
        allowed = ~self._taken & self._far & self._in_time
        if self._limits.max_per_spacer is not None:
            full = [spacer for spacer, count in self._count.items() if count >= self._limits.max_per_spacer]
            allowed &= ~np.isin(self._spacer, full)
        if self._limits.max_cost is not None and self._cost is not None:
            allowed &= self._spent + self._cost <= self._limits.max_cost
        return allowed

    def take(self, row: int) -> None:
        """Add one candidate to the batch."""
        self._taken[row] = True
        self._count[int(self._spacer[row])] += 1
        self._spent += float(self._cost[row]) if self._cost is not None else 0.0
        self._keep_away(self._x[row])

    def _keep_away(self, point: NDArray[np.float64]) -> None:
        if self._limits.min_distance:
            distance = np.sqrt((((self._x - point) / self._scale) ** 2).mean(axis=1))
            self._far &= distance >= self._limits.min_distance
