"""The best k of a stream of values in memory proportional to k; ties go to the lower index, however it is cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["TopK"]


class TopK:
    """Keeps the k highest values offered so far, with their indices."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._value = np.empty(0)
        self._index = np.empty(0, dtype=np.int64)

    @property
    def threshold(self) -> float:
        """Values at or below this cannot enter any more (except as a tie with a lower index); -inf until k are held."""
        return float(self._value[-1]) if len(self._value) == self._k else -np.inf

    def offer(self, value: NDArray[np.float64], index: NDArray[np.int64]) -> None:
        """Offer values (m,) with their indices (m,); NaN and -inf are never kept."""
        keep = (
            np.flatnonzero(value >= self.threshold) if len(self._value) == self._k else np.flatnonzero(value > -np.inf)
        )
        if len(keep) > 4 * self._k:
            # partition first, keeping every tie with the k-th so that the index decides
            cut = np.partition(value[keep], len(keep) - self._k)[len(keep) - self._k]
            keep = keep[value[keep] >= cut]
        value = np.concatenate([self._value, value[keep]])
        index = np.concatenate([self._index, index[keep]])
        order = np.lexsort((index, -value))[: self._k]
        self._value, self._index = value[order], index[order]

    def result(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Indices (k,) and values (k,) held, best first."""
        return self._index, self._value
