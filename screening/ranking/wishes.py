"""Weighted desirability of every compound of a space: rate, feasibility, novelty, price, any property a function gives.

Shapes: m compounds, d features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chemspace.space import CompoundSpace, SpaceBlock
from screening.acquisition.desirability import Wish, log_desirability
from screening.errors import RankingError
from screening.ranking.aims import Numbers
from screening.ranking.nearest import MeasuredSet

__all__ = ["OWN_COLUMNS", "Desire", "Property", "price_property"]

Array = NDArray[np.float64]
#: A property of compounds from their block and their features (m, d), shape (m,); NaN where it is not known.
Property = Callable[[SpaceBlock, Array], Array]
#: What may be wished for without a function: predicted log10(rate in 1/ps) and lifetime in ps, the value of the
#: acquisition, P(forms), and the distance to the nearest measured compound.
OWN_COLUMNS = ("log10_rate", "lifetime_ps", "acquisition", "feasibility", "novelty")


@dataclass(frozen=True)
class Desire:
    """What a ranking by wishes needs.

    Attributes:
        wishes: at least one.
        properties: further columns by name: a price, or the prediction of a second measured property, such as
            `lambda block, x: band_gap.predict(x)[0]`.
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
        names = [wish.column for wish in self.wishes]
        known = (*OWN_COLUMNS, *self.properties)
        if not names or (unknown := [name for name in names if name not in known]):
            what = f"no column {unknown[0]!r} to wish for" if names else "no wishes"
            raise RankingError(f"{what}; there are {', '.join(known)}")
        if "novelty" in names and (self.measured is None or not self.measured.labels):
            raise RankingError("novelty is the distance to what is measured: give `measured`, or drop the wish")

    def log_values(self, numbers: Numbers) -> Array:
        """Logarithm of the desirability of the compounds of a block, shape (m,); -inf where a column is not known."""
        return log_desirability(self.columns(numbers), self.wishes)

    def columns(self, numbers: Numbers) -> dict[str, Array]:
        """The wished columns of the compounds of a block, each (m,)."""
        return {wish.column: self._column(wish.column, numbers) for wish in self.wishes}

    def batch_values(self, frame: pd.DataFrame, x: Array, points: Array, acquisition: Callable[[], Array]) -> Array:
        """What ranked compounds are worth beside those that are pending or chosen already, shape (m,).

        What one more experiment is expected to change is counted: the acquisition, and the novelty, which ends where a
        neighbour is measured. Predicted means, prices and P(forms) are not expected to move.

        Args:
            frame: m rows of a ranking by this desire.
            x: their features, shape (m, d). points: of what is pending or chosen, shape (p, d).
            acquisition: works out that of the rows given the points, shape (m,); called where it is wished for.
        """
        values: dict[str, Array] = {}
        for name in (wish.column for wish in self.wishes):
            if name == "acquisition":
                values[name] = acquisition()
                continue
            values[name] = frame["mean" if name == "log10_rate" else name].to_numpy(dtype=np.float64)
            if name == "novelty" and self.measured is not None:
                values[name] = np.minimum(values[name], self.measured.apart(x, points))
        return log_desirability(values, self.wishes)

    def _column(self, name: str, numbers: Numbers) -> Array:
        if name in self.properties:
            return np.asarray(self.properties[name](numbers.block, numbers.x), dtype=np.float64)
        if name == "novelty" and self.measured is not None:
            return self.measured.nearest(numbers.x)[1]
        own = {"log10_rate": numbers.mean, "acquisition": numbers.acquisition}
        return own[name] if name in own else 10.0**-numbers.mean if name == "lifetime_ps" else np.exp(numbers.log_p)


def price_property(space: CompoundSpace, per_mol: Mapping[str, float]) -> Property:
    """Money for the organic cations of one mole of formula units, NaN where one of them has no price.

    Args:
        space: whose compounds are priced.
        per_mol: money a mole of each cation by InChIKey.
    """

    def of(keys: Sequence[str]) -> Array:
        return np.array([per_mol.get(key, np.nan) for key in keys], dtype=np.float64)

    spacers = of([cation.inchikey for cation in space.spacers])
    spacers = spacers * np.array([2.0 / cation.charge for cation in space.spacers])
    options = [
        sum(float(part) * per_mol.get(cation.inchikey, np.nan) for cation, part in option)
        for option in space.cage_options
    ]
    cages = np.array([*options, 0.0])  # the last one stands for no cage

    def price(block: SpaceBlock, x: Array) -> Array:
        value: Array = spacers[block.spacer] + (block.n_layers - 1.0) * cages[block.cage]
        return value

    return price
