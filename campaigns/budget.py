"""What making a compound costs: money for its organic cations and days until they are there, by the user's prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from campaigns.config import BudgetRules
from chemspace import Compound, CompoundSpace

if TYPE_CHECKING:
    from screening.batch import BatchLimits

__all__ = ["Budget"]

#: Two crystals with one spacer teach less than two with different ones; one synthesis route failing costs only one.
MAX_PER_SPACER = 1


@dataclass(frozen=True)
class Budget:
    """The limits of a batch and the price table.

    Attributes:
        limits: of the campaign.
        prices: money a mole and days until delivery by InChIKey of a cation; None unknown.
        hazards: hazard flags by InChIKey of a cation; one that is not there carries none.
    """

    limits: BudgetRules
    prices: Mapping[str, tuple[float | None, float | None]]
    hazards: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def cost(self, compound: Compound) -> float:
        """Money for the cations of `limits.mass_g` of a compound; NaN where one has no price."""
        moles = self.limits.mass_g / compound.molar_mass_g_mol
        return sum(moles * float(count) * self._price(cation.inchikey, 0) for cation, count in compound.cation_counts)

    def days(self, compound: Compound) -> float:
        """Days until the last of its cations is there; NaN where one's delivery is unknown."""
        return float(np.max([self._price(cation.inchikey, 1) for cation, _ in compound.cation_counts]))

    def excludes(self, compound: Compound) -> str:
        """Which limit no batch with this compound can keep, in words; "" where there is none."""
        limits = self.limits
        if self.refused(compound):
            return "refused for a hazard"
        if limits.max_cost is not None and not self.cost(compound) <= limits.max_cost:
            return "too dear or without a price"
        if limits.max_days is not None and not self.days(compound) <= limits.max_days:
            return "too late or without a delivery time"
        return ""

    def refused(self, compound: Compound) -> bool:
        """Whether one of its cations carries a hazard flag that the limits refuse."""
        flags = set(self.limits.refused_hazards)
        return any(self.hazards.get(cation.inchikey, frozenset()) & flags for cation, _ in compound.cation_counts)

    def limits_of(self, spacer: NDArray[np.int64], batch_size: int) -> BatchLimits:
        """Limits of a batch from rows of these spacers, shape (m,): at most `MAX_PER_SPACER` of one spacer unless the
        limits say otherwise; where that leaves too few, the cap rises until the batch is full."""
        from screening.batch import BatchLimits

        cap = self.limits.max_per_spacer
        if cap is None:
            _, rows = np.unique(spacer, return_counts=True)
            caps = range(MAX_PER_SPACER, len(spacer) + 1)
            cap = next((cap for cap in caps if np.minimum(rows, cap).sum() >= batch_size), len(spacer))
        return BatchLimits(cap, self.limits.min_distance, self.limits.max_cost, self.limits.max_days)

    def of(self, space: CompoundSpace, indices: NDArray[np.int64]) -> dict[str, Any]:
        """Cost, days and what is barred of some compounds, as arguments of `screening.batch.choose_batch`; each (m,),
        worked out where a limit asks for it."""
        bounds: dict[str, Any] = {}
        if self.limits.max_cost is not None:
            bounds["cost"] = np.array([self.cost(space[int(index)]) for index in indices])
        if self.limits.max_days is not None:
            bounds["days"] = np.array([self.days(space[int(index)]) for index in indices])
        if self.limits.refused_hazards:
            bounds["barred"] = np.array([self.refused(space[int(index)]) for index in indices], dtype=bool)
        return bounds

    def _price(self, inchikey: str, which: int) -> float:
        value = self.prices.get(inchikey, (None, None))[which]
        return nan if value is None else value
