"""What is known of compounds when they are ranked: predictions, further columns, and how far they are from data.

Shapes: m compounds, d features, k measured compounds, p pending or chosen points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chemspace.compound import Compound
from chemspace.space import CompoundSpace, SpaceBlock
from screening.errors import RankingError

__all__ = [
    "NEAREST",
    "NEAREST_COLUMNS",
    "OWN_COLUMNS",
    "Predictor",
    "Property",
    "latent_sd",
    "predict",
    "unexplained_variance",
]

Array = NDArray[np.float64]
#: Rows a model predicts at once (fits the cache).
_CHUNK = 4096
#: Differences of features that are held at once.
_BLOCK = 4_000_000
#: Column of the measured compound that is nearest in descriptor space.
NEAREST = "nearest_measured"
#: It, how far away it is, and whether that is in the domain; empty, NaN and False where nothing is measured.
NEAREST_COLUMNS = (NEAREST, "distance", "in_domain")


class Predictor(Protocol):
    """What a ranking needs of a surrogate: mean and sd of log10(rate) for features (m, d)."""

    def predict(self, x: Array, chunk: int = ...) -> tuple[Array, Array]:
        """Mean (m,) and standard deviation (m,) of a new measurement at features (m, d)."""
        ...


def predict(surrogate: Predictor, x: Array) -> tuple[Array, Array]:
    """Mean and sd of a new measurement at features (m, d), each (m,); a `RankingError` if one of them is no number."""
    mean, sd = surrogate.predict(x, _CHUNK)
    bad = np.flatnonzero(~(np.isfinite(mean) & np.isfinite(sd)))
    if bad.size:
        raise RankingError(f"the surrogate predicts no number for {bad.size} of {len(x)} rows; fit it again")
    return np.asarray(mean, dtype=np.float64), np.asarray(sd, dtype=np.float64)


def unexplained_variance(surrogate: object) -> float:
    """What a surrogate's predicted variance holds beyond its latent target: noise and what no feature explains."""
    own = getattr(getattr(surrogate, "model", None), "unexplained_variance", None)
    return 0.0 if own is None else float(own())


def latent_sd(sd: Array, unexplained: float) -> Array:
    """Standard deviation of the latent target: what an experiment on this very compound can still teach, shape (m,)."""
    value: Array = np.sqrt(np.maximum(sd**2 - unexplained, 1e-12))
    return value


@dataclass(frozen=True)
class Numbers:
    """What a pass knows of m compounds.

    Compounds that differ in nothing a descriptor sees share a row of features and of predictions; `x`, `mean` and `sd`
    have one for each compound.

    Attributes:
        row_x: features, shape (rows, d).
        row_mean, row_sd: of the latent log10(rate in 1/ps), shape (rows,).
        log_p: log P(forms), shape (m,).
        best: lowest log10(rate) so far.
        block: the compounds; None where only an upper bound of their score is asked for.
        source: row of each compound, shape (m,); None where each has its own.
    """

    row_x: Array
    row_mean: Array
    row_sd: Array
    log_p: Array
    best: float
    block: SpaceBlock | None = None
    source: NDArray[np.int64] | None = None

    @property
    def compounds(self) -> SpaceBlock:
        """The compounds; a `RankingError` where only a bound is asked for."""
        if self.block is None:
            raise RankingError("a bound is asked for without compounds: a score that looks at them has no bound")
        return self.block

    def of_rows(self, values: Array) -> Array:
        """Values of the rows (rows, ...) handed on to their compounds, shape (m, ...)."""
        return values if self.source is None else values[self.source]

    @cached_property
    def x(self) -> Array:
        """Features, shape (m, d)."""
        return self.of_rows(self.row_x)

    @property
    def mean(self) -> Array:
        """Predicted log10(rate in 1/ps), shape (m,)."""
        return self.of_rows(self.row_mean)

    @property
    def sd(self) -> Array:
        """Its latent standard deviation, shape (m,)."""
        return self.of_rows(self.row_sd)


@dataclass(frozen=True)
class MeasuredSet:
    """Labels and features of what has been measured.

    Attributes:
        labels: formulas or names, k of them.
        x: features, shape (k, d), as the surrogate was trained on.
    """

    labels: tuple[str, ...]
    x: Array

    def __post_init__(self) -> None:
        if self.x.ndim != 2 or len(self.labels) != len(self.x):
            raise RankingError(f"{len(self.labels)} labels for measured features of shape {self.x.shape}: one a row")

    def columns(self, x: Array) -> dict[str, NDArray[np.object_] | Array | NDArray[np.bool_]]:
        """`NEAREST_COLUMNS` of features (m, d), each (m,)."""
        if not self.labels:
            told = (np.full(len(x), "", dtype=object), np.full(len(x), np.nan), np.zeros(len(x), dtype=bool))
        else:
            row, distance = self.nearest(x)
            told = (np.array(self.labels, dtype=object)[row], distance, distance <= self.domain_radius)
        return dict(zip(NEAREST_COLUMNS, told, strict=True))

    def nearest(self, x: Array) -> tuple[NDArray[np.int64], Array]:
        """Row of the nearest measured compound and its distance, for features (m, d), each (m,): root mean square over
        the features of the difference in standard deviations of the measured set."""
        scaled, reference = x / self._scale, self.x / self._scale
        squared = ((scaled**2).sum(1)[:, None] + (reference**2).sum(1)[None, :] - 2.0 * scaled @ reference.T).clip(0.0)
        row = squared.argmin(axis=1)
        exact = ((scaled - reference[row]) ** 2).mean(axis=1)
        return row.astype(np.int64), np.sqrt(exact)

    def distances(self, x: Array) -> Array:
        """Distance of features (m, d) to each measured compound, by the measure of `nearest`, shape (m, k)."""
        return self._between(x, self.x)

    def apart(self, x: Array, others: Array) -> Array:
        """Distance of features (m, d) to the nearest of others (p, d), by the same measure, shape (m,); infinite
        where there are none."""
        distance: Array = self._between(x, others).min(axis=1, initial=np.inf)
        return distance

    def alone(self, x: Array) -> Array:
        """Distance of features (m, d) to the nearest measured compound that is another one, by the same measure, shape
        (m,): zero distances (replicates, and a measured compound itself) are left out; infinite where none is left."""
        distance = self.distances(x)
        distance[distance <= 1e-9] = np.inf
        alone: Array = distance.min(axis=1, initial=np.inf)
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

    def _between(self, x: Array, others: Array) -> Array:
        scaled, reference = x / self._scale, others / self._scale
        squared = np.empty((len(x), len(others)))
        size = max(1, _BLOCK // max(1, reference.size))
        for start in range(0, len(x), size):
            block = scaled[start : start + size, None, :] - reference[None, :, :]
            squared[start : start + size] = (block**2).mean(axis=2)
        distance: Array = np.sqrt(squared)
        return distance

    @property
    def _scale(self) -> Array:
        spread = self.x.std(axis=0)
        return np.where(spread > 0.0, spread, 1.0)


#: A property of compounds from their block and their features (m, d), shape (m,); NaN where it is not known.
Property = Callable[[SpaceBlock, Array], Array]
#: What there is without a function: predicted log10(rate in 1/ps) and lifetime in ps, the value of the acquisition,
#: P(forms), and the distance to the nearest measured compound.
OWN_COLUMNS = ("log10_rate", "lifetime_ps", "acquisition", "feasibility", "novelty")


@dataclass(frozen=True)
class Columns:
    """Where the numbers of a column come from.

    Attributes:
        properties: further columns by name: a price, or the prediction of a second measured property, such as
            `lambda block, x: band_gap.predict(x)[0]`.
        measured: what novelty is counted from.
    """

    properties: Mapping[str, Property] = field(default_factory=dict)
    measured: MeasuredSet | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every column there is."""
        return (*OWN_COLUMNS, *self.properties)

    def check(self, names: Sequence[str], what: str) -> None:
        """Refuses (`RankingError`) an unknown column `what` is asked for, as in "to wish for", and novelty where
        nothing is measured."""
        if unknown := [name for name in names if name not in self.names]:
            raise RankingError(f"no column {unknown[0]!r} {what}; there are {', '.join(self.names)}")
        if "novelty" in names:
            self._counted_from()

    def of(self, name: str, numbers: Numbers) -> Array:
        """The column of that name, shape (m,), NaN where not known; a `RankingError` for "acquisition", a strategy's to
        tell."""
        if name in self.properties:
            return np.asarray(self.properties[name](numbers.compounds, numbers.x), dtype=np.float64)
        if name == "novelty":
            return self.novelty(numbers.x, numbers.x[:0])
        if name == "acquisition":
            raise RankingError("the acquisition is no property of a compound")
        if name == "feasibility":
            return np.exp(numbers.log_p)
        return numbers.mean if name == "log10_rate" else 10.0**-numbers.mean

    def given(self, name: str, frame: pd.DataFrame, x: Array, points: Array) -> Array:
        """The same for m rows of a ranking, features x (m, d), once some points (p, d) are measured too, shape (m,):
        novelty ends where a neighbour is measured; means, prices and P(forms) are not expected to move."""
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
    """Money for the organic cations of a mole of formula units, NaN where one has no price `per_mol` by InChIKey."""
    spacers = np.array(
        [2.0 / cation.charge * per_mol.get(cation.inchikey, np.nan) for cation in space.spacers], dtype=np.float64
    )
    options = [
        sum(float(part) * per_mol.get(cation.inchikey, np.nan) for cation, part in option)
        for option in space.cage_options
    ]
    cages = np.array([*options, 0.0])  # the last one stands for no cage

    def price(block: SpaceBlock, x: Array) -> Array:
        value: Array = spacers[block.spacer] + (block.n_layers - 1.0) * cages[block.cage]
        return value

    return price
