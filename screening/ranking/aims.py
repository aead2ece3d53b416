"""What compounds may be ranked by instead of acquisition times feasibility: an aim, or a lot.

Shapes: m compounds, d features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chemspace.compound import Compound
from chemspace.space import CompoundSpace, SpaceBlock
from screening.errors import RankingError
from screening.ranking.frame import MeasuredSet
from screening.strategies.acquisition import Wish, log_desirability

__all__ = ["OWN_COLUMNS", "Aim", "Desire", "Lot", "Property"]


Array = NDArray[np.float64]


@dataclass(frozen=True)
class Numbers:
    """What a pass knows of the compounds of a block.

    Attributes:
        block: m compounds.
        x: their features, shape (m, d).
        mean, sd: of the latent log10(rate in 1/ps), shape (m,).
        acquisition: by mean and sd, shape (m,).
        log_p: log P(forms), shape (m,).
    """

    block: SpaceBlock
    x: Array
    mean: Array
    sd: Array
    acquisition: Array
    log_p: Array


class Aim(Protocol):
    """What takes the place of acquisition times feasibility: `Desire` (wishes) or `Tradeoff` (hypervolume)."""

    def log_values(self, numbers: Numbers) -> Array:
        """Logarithm of what each compound is worth, shape (m,); -inf where that is not known."""
        ...

    def columns(self, numbers: Numbers) -> dict[str, Array]:
        """Further columns of a ranking, each (m,)."""
        ...


@dataclass(frozen=True, slots=True)
class Lot:
    """A random order of a space: the logarithm of a number between 0 and 1 that depends on the seed and a compound's
    index alone.

    So the order needs no memory, does not depend on how the space is cut into blocks, and what is excluded makes room
    for what comes next. SplitMix64 of the index: Steele, Lea and Flood, OOPSLA (2014), doi 10.1145/2660193.2660195.
    """

    seed: int = 0

    def values(self, index: NDArray[np.int64]) -> Array:
        """Those of compounds with these indices, shape (m,)."""
        start = np.uint64(np.random.SeedSequence(self.seed).generate_state(1, np.uint64)[0])
        with np.errstate(over="ignore"):  # arithmetic modulo 2^64 is meant
            z = start + (index.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z ^= z >> np.uint64(31)
        value: Array = np.log(((z >> np.uint64(11)).astype(np.float64) + 1.0) * 2.0**-53)
        return value


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


@dataclass(frozen=True)
class Desire:
    """What a ranking by wishes needs.

    Attributes:
        wishes: at least one.
        properties: further columns by name (`screening.ranking.aims`).
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
