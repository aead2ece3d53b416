"""Numbers of a compound that are known or predicted before it is made, by name: what wishes and tradeoffs ask for.

Shapes: m compounds, d features, p points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chemspace.compound import Compound
from chemspace.space import CompoundSpace, SpaceBlock
from screening.errors import RankingError
from screening.ranking.aims import Numbers
from screening.ranking.nearest import MeasuredSet

__all__ = ["OWN_COLUMNS", "Columns", "Property", "price_of", "price_property"]

Array = NDArray[np.float64]
#: A property of compounds from their block and their features (m, d), shape (m,); NaN where it is not known.
Property = Callable[[SpaceBlock, Array], Array]
#: What there is without a function: predicted log10(rate in 1/ps) and lifetime in ps, the value of the acquisition,
#: P(forms), and the distance to the nearest measured compound.
OWN_COLUMNS = ("log10_rate", "lifetime_ps", "acquisition", "feasibility", "novelty")


@dataclass(frozen=True)
class Columns:
    """Where the numbers come from.

    Attributes:
        properties: further columns by name: a price, or the prediction of a second measured property, such as
            `lambda block, x: band_gap.predict(x)[0]`.
        measured: what novelty is counted from.
    """

    properties: Mapping[str, Property] = field(default_factory=dict)
    measured: MeasuredSet | None = None

    def check(self, names: Sequence[str], what: str) -> None:
        """Whether all of these can be told; `what` they are asked for, as in "to wish for".

        Raises:
            RankingError: for an unknown column, or novelty where nothing is measured.
        """
        known = (*OWN_COLUMNS, *self.properties)
        if unknown := [name for name in names if name not in known]:
            raise RankingError(f"no column {unknown[0]!r} {what}; there are {', '.join(known)}")
        if "novelty" in names:
            self._counted_from()

    def of(self, name: str, numbers: Numbers) -> Array:
        """The column of that name for the compounds of a block, shape (m,); NaN where it is not known."""
        if name in self.properties:
            return np.asarray(self.properties[name](numbers.block, numbers.x), dtype=np.float64)
        if name == "novelty":
            return self.novelty(numbers.x, numbers.x[:0])
        own = {"log10_rate": numbers.mean, "acquisition": numbers.acquisition}
        return own[name] if name in own else 10.0**-numbers.mean if name == "lifetime_ps" else np.exp(numbers.log_p)

    def given(self, name: str, frame: pd.DataFrame, x: Array, points: Array) -> Array:
        """The same for rows of a ranking once some points are measured too, shape (m,).

        Novelty ends where a neighbour is measured; means, prices and P(forms) are not expected to move.

        Args:
            name: of the column; the frame holds it.
            frame: m rows of a ranking. x: their features, shape (m, d).
            points: features of what is pending or chosen, shape (p, d).
        """
        if name == "novelty":
            return self.novelty(x, points)
        values: Array = frame["mean" if name == "log10_rate" else name].to_numpy(dtype=np.float64)
        return values

    def novelty(self, x: Array, points: Array) -> Array:
        """Distance of features (m, d) to the nearest measured compound or further point (p, d), shape (m,)."""
        measured = self._counted_from()
        return np.minimum(measured.nearest(x)[1], measured.apart(x, points))

    def _counted_from(self) -> MeasuredSet:
        if self.measured is None or not self.measured.labels:
            raise RankingError("novelty is the distance to what is measured: give `measured`, or leave novelty out")
        return self.measured


def price_of(compound: Compound, per_mol: Mapping[str, float]) -> float:
    """Money for the organic cations of one mole of formula units, as `price_property`."""
    return sum(float(count) * per_mol.get(cation.inchikey, np.nan) for cation, count in compound.cation_counts)


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
