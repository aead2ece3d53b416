"""What compounds are ranked by and batches are chosen by: the interface, the names, and which one a surrogate earns.

Shapes: m candidates, d features, k observations, p pending or chosen points.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from chemspace.registry import Registry
from screening.errors import RankingError

if TYPE_CHECKING:
    import pandas as pd

    from chemspace.compound import Compound
    from chemspace.space import CompoundSpace, SpaceBlock
    from screening.validation import ScoreCard

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
    """

    row_x: Array  #: features, shape (rows, d)
    #: `row_mean`, `row_sd`: of the latent log10(rate in 1/ps), shape (rows,).
    row_mean: Array
    row_sd: Array
    log_p: Array  #: log P(forms), shape (m,)
    best: float  #: lowest log10(rate) so far
    block: SpaceBlock | None = None  #: the compounds; None where only an upper bound of their score is asked for
    source: NDArray[np.int64] | None = None  #: row of each compound, shape (m,); None where each has its own

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
    """Labels and features of what has been measured."""

    labels: tuple[str, ...]  #: formulas or names, k of them
    x: Array  #: features, shape (k, d), as the surrogate was trained on

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
        """Distance of features (m, d) to the nearest of others (p, d), as above, shape (m,); infinite for none."""
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
Property: TypeAlias = "Callable[[SpaceBlock, Array], Array]"
#: What there is without a function: predicted log10(rate in 1/ps) and lifetime in ps, the value of the acquisition,
#: P(forms), and the distance to the nearest measured compound.
OWN_COLUMNS = ("log10_rate", "lifetime_ps", "acquisition", "feasibility", "novelty")


@dataclass(frozen=True)
class Columns:
    """Where the numbers of a column come from."""

    #: Further columns by name: a price, or the prediction of a second measured property, such as `lambda block, x:
    #: band_gap.predict(x)[0]`.
    properties: Mapping[str, Property] = field(default_factory=dict)
    measured: MeasuredSet | None = None  #: what novelty is counted from

    @property
    def names(self) -> tuple[str, ...]:
        """Every column there is."""
        return (*OWN_COLUMNS, *self.properties)

    def check(self, names: Sequence[str], what: str) -> None:
        """Refuses (`RankingError`) an unknown column `what` is asked for, and novelty where nothing is measured."""
        if unknown := [name for name in names if name not in self.names]:
            raise RankingError(f"no column {unknown[0]!r} {what}; there are {', '.join(self.names)}")
        if "novelty" in names:
            self._counted_from()

    def of(self, name: str, numbers: Numbers) -> Array:
        """The column of that name, shape (m,), NaN where not known; `RankingError` for "acquisition", a strategy's."""
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


@cache
def no_rows() -> pd.DataFrame:
    """An empty table, always the same one; names and words of strategies need no pandas, a third of a CPU second."""
    import pandas as pd

    return pd.DataFrame()


@dataclass(frozen=True)
class Shortlist:
    """Candidates that compete for the next place of a batch, best of a ranking."""

    x: Array  #: features, shape (m, d)
    model: Any  #: BoTorch model of log10(rate), for joint posteriors
    best: float  #: lowest log10(rate) so far
    seed: int  #: of the batch's random numbers
    observed: Array | None = None  #: features of what is measured, shape (k, d)
    #: Features of every candidate of the shortlist, those that do not fit the limits included, shape (s, d); None takes
    #: `x`.
    space: Array | None = None
    log_p: Array | None = None  #: log P(forms), shape (m,); None counts everything as formed
    #: Of the candidates in the space, shape (m,).
    index: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    frame: pd.DataFrame = field(default_factory=no_rows)  #: their rows of the ranking
    #: `gaussian_moments` of the candidates and of what is pending or chosen, where the model need not be asked again.
    moments: Callable[[], tuple[Array, Array, Array, Array, Array]] | None = None


@dataclass(frozen=True)
class Chosen:
    """What is pending, and what the batch holds already."""

    x: Array  #: features, shape (p, d)
    n_picked: int = 0  #: how many of them, the last ones, are of this batch
    columns: pd.DataFrame = field(default_factory=no_rows)  #: the strategy's `pending_names` of the same points


@dataclass(frozen=True, slots=True)
class Wish:
    """One wish: the value of `column` that is useless (0) and the value that is perfect (1), linear between.

    `useless` above `perfect` asks for small values. `weight` is its exponent.
    """

    column: str
    useless: float
    perfect: float
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not np.isfinite([self.useless, self.perfect]).all() or self.useless == self.perfect:
            raise RankingError(f"wish on {self.column!r}: useless and perfect must be two different finite numbers")
        if not self.weight > 0.0:
            raise RankingError(f"wish on {self.column!r}: its weight is {self.weight}; give one greater than 0")


@dataclass(frozen=True)
class PropertyObjective:
    """A measured property beside the rate."""

    name: str  #: of its column in a ranking
    #: Predicts it, `predict(x, chunk) -> (mean, sd)` over the features of the rate's; for batches it has a BoTorch
    #: `model`.
    surrogate: Any
    sign: float  #: +1 where large values are good, -1 where small ones are
    worst: float | None = None  #: the worst value still of interest; None takes it from what is observed

    def __post_init__(self) -> None:
        _check_sign(self.name, self.sign)

    @property
    def words(self) -> str:
        """What is sought."""
        return f"{'maximize' if self.sign > 0 else 'minimize'} {self.name}"


@dataclass(frozen=True)
class FixedObjective:
    """A property that is known of a compound before it is made."""

    name: str  #: "feasibility", "novelty", or a further one of the strategy's columns, such as a price
    sign: float  #: +1 where large values are good, -1 where small ones are
    worst: float  #: the worst value still of interest: what is worse is left out
    #: Its values for the compounds whose rate is measured, shape (k,), NaN where it is not known: such a compound
    #: dominates nothing. None for "feasibility", since what is measured has formed (1), and for "novelty", which is
    #: then the distance to the nearest other measured compound.
    observed: Array | None = None
    sought: str = ""  #: what is sought, in words; empty takes the name

    def __post_init__(self) -> None:
        _check_sign(self.name, self.sign)
        if not np.isfinite(self.worst):
            raise RankingError(f"{self.name}: the worst value still of interest is {self.worst}; give a number")

    @property
    def words(self) -> str:
        """What is sought."""
        return f"{self.sought or self.name} (worst {self.worst:g})"


def _check_sign(name: str, sign: float) -> None:
    if sign not in (-1.0, 1.0):
        raise RankingError(f"{name}: its sign is {sign}; -1 minimises a property, +1 maximises it")


@dataclass(frozen=True)
class StrategyInputs:
    """What a strategy may be made from."""

    seed: int  #: of everything random
    surrogate: Predictor  #: of the rate
    x_observed: Array  #: features of the compounds whose rate is measured, shape (k, d)
    columns: Columns = field(default_factory=Columns)  #: where further numbers of a compound come from
    wishes: tuple[Wish, ...] = ()  #: what is wished for
    objectives: tuple[PropertyObjective | FixedObjective, ...] = ()  #: what the rate is traded off against
    worst_log10_rate: float | None = None  #: the worst rate still of interest, None takes it from what is observed


class Strategy(ABC):
    """What compounds are ranked by, and the members of a batch chosen by.

    A strategy of mean and spread alone is shorter as an `Acquisition`. Values are to be maximised; only their order
    counts.
    """

    name: ClassVar[str]  #: the word that a description knows it by
    words: ClassVar[str]  #: what it looks for, for people
    predicts: ClassVar[bool] = True  #: whether it looks at predictions; one that does not ranks without any
    #: Whether the score depends on nothing but mean, sd, P(forms) and the best so far, and neither a larger sd nor a
    #: larger P(forms) ever lowers it: then the score of a bound is a bound of the score, and a pass may leave out what
    #: cannot reach the top.
    rises_with_sd: ClassVar[bool] = False
    #: Parts of a description's objective that it takes account of: "wishes", "tradeoff".
    takes: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def make(cls, inputs: StrategyInputs) -> Strategy:
        """The strategy for one round."""
        return cls()

    @abstractmethod
    def score(self, numbers: Numbers) -> Array:
        """What each compound is worth, shape (m,); -inf for one that cannot be ranked."""

    @abstractmethod
    def gains(self, shortlist: Shortlist, chosen: Chosen) -> Array:
        """What each candidate adds to everything that is measured, pending or chosen, shape (m,)."""

    def columns(self, numbers: Numbers) -> dict[str, Array]:
        """Further columns of a ranking, each (m,)."""
        return {}

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns that count beside the predicted rate."""
        return ()

    @property
    def pending_names(self) -> tuple[str, ...]:
        """Those of `columns` that `gains` has to know of pending compounds, because features do not tell them."""
        return ()

    @property
    def asked(self) -> str:
        """A sentence on what the description asks for; empty where the name says it all."""
        return ""

    @property
    def ranked_by(self) -> str:
        """What a ranking is by, in words."""
        return f"{self.words}, times the chance that it forms"

    @property
    def leaves_out(self) -> str:
        """Which compounds it cannot rank, in words; empty where it ranks all of them."""
        return ""


#: Every strategy by name.
STRATEGIES: Registry[type[Strategy]] = Registry("acquisition", RankingError)
S = TypeVar("S", bound=type[Strategy])


def register_strategy(cls: S) -> S:
    """Class decorator: gives a strategy its name, by which descriptions ask for it; `RegistryError` if it is taken."""
    STRATEGIES.add(cls.name, cls)
    return cls


#: Distance of the measured coverage of the 90% interval from 0.9 beyond which a surrogate's spread is not trusted. With
#: 50 rows the standard error of a coverage of 0.9 is 0.042, so this is about 2.5 of them.
_COVERAGE_SLACK = 0.10
#: Rank correlation of prediction and outcome below which nothing is known about which compound is better.
_WEAK_SPEARMAN = 0.2
#: Above both, the prediction itself may be followed.
_STRONG_R2 = 0.6


@dataclass(frozen=True, slots=True)
class Choice:
    """A strategy's name and why it was chosen."""

    name: str
    reason: str


def choose_strategy(card: ScoreCard, teaching: float = 0.0) -> Choice:
    """Choose by the surrogate's own out-of-fold score card; `teaching`: share of a batch for what teaches most.

    Surrogates whose intervals are wrong or whose order is blind explore (maximum variance). The others use log expected
    improvement, which turns from balancing to exploiting by itself as the spread shrinks; the reason says which it is.
    """
    coverage = f"its 90% intervals hold {card.coverage_90:.0%} of the left-out outcomes"
    share = (
        f"explains {max(card.r2_log, 0.0):.0%} of how unseen compounds differ (rank correlation {card.spearman:.2f})"
    )
    teach, promise = "compounds are chosen for what they teach", "compounds are chosen for what they promise"
    if not abs(card.coverage_90 - 0.9) <= _COVERAGE_SLACK:
        return Choice("max_variance", f"{teach}: the model fails its calibration check, {coverage}")
    if not card.spearman >= _WEAK_SPEARMAN:
        return Choice("max_variance", f"{teach}: the model cannot tell good from bad yet, it {share}")
    if card.r2_log >= _STRONG_R2:
        some = f", {teaching:.0%} of a list and at least one for what they teach" if teaching else ""
        return Choice("log_ei", f"{promise}{some}: the model {share}")
    return Choice("log_ei", f"{promise} and for what they teach: the model {share}")
