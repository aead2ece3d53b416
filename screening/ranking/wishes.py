"""Weighted desirability of every compound of a space: rate, feasibility, novelty, price, any property a function gives.

Shapes: m compounds, d features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from screening.acquisition.desirability import Wish, log_desirability
from screening.errors import RankingError
from screening.ranking.aims import Numbers
from screening.ranking.columns import OWN_COLUMNS, Columns, Property
from screening.ranking.nearest import MeasuredSet

__all__ = ["Desire"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Desire:
    """What a ranking by wishes needs.

    Attributes:
        wishes: at least one.
        properties: further columns by name (`screening.ranking.columns`).
        measured: what novelty is counted from.
    """

    wishes: tuple[Wish, ...]
    properties: Mapping[str, Property] = field(default_factory=dict)
    measured: MeasuredSet | None = None

    def __post_init__(self) -> None:
        """Refuse wishes that nothing can tell.

        Raises:
            RankingError: without wishes, for one on an unknown column, or on novelty where nothing is measured.
        """
        if not self.wishes:
            raise RankingError(f"no wishes; give some on {', '.join((*OWN_COLUMNS, *self.properties))}")
        self._columns.check([wish.column for wish in self.wishes], "to wish for")

    def log_values(self, numbers: Numbers) -> Array:
        """Logarithm of the desirability of the compounds of a block, shape (m,); -inf where a column is not known."""
        return log_desirability(self.columns(numbers), self.wishes)

    def columns(self, numbers: Numbers) -> dict[str, Array]:
        """The wished columns of the compounds of a block, each (m,)."""
        return {wish.column: self._columns.of(wish.column, numbers) for wish in self.wishes}

    def batch_values(self, frame: pd.DataFrame, x: Array, points: Array, acquisition: Callable[[], Array]) -> Array:
        """What ranked compounds are worth beside those that are pending or chosen already, shape (m,).

        What one more experiment is expected to change is counted: the acquisition and the novelty.

        Args:
            frame: m rows of a ranking by this desire.
            x: their features, shape (m, d). points: of what is pending or chosen, shape (p, d).
            acquisition: works out that of the rows given the points, shape (m,); called where it is wished for.
        """
        values = {
            name: acquisition() if name == "acquisition" else self._columns.given(name, frame, x, points)
            for name in (wish.column for wish in self.wishes)
        }
        return log_desirability(values, self.wishes)

    @property
    def _columns(self) -> Columns:
        return Columns(self.properties, self.measured)
