"""What compounds are ranked by and batches are chosen by: the interface, the names, and which one a surrogate earns.

Shapes: m candidates, d features, k observations, p pending or chosen points.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chemspace.registry import Registry
from screening.errors import RankingError
from screening.strategies.columns import Columns, Numbers, Predictor

if TYPE_CHECKING:
    from screening.validation import ScoreCard


Array = NDArray[np.float64]


@dataclass(frozen=True)
class Shortlist:
    """Candidates that compete for the next place of a batch, best of a ranking.

    Attributes:
        x: features, shape (m, d).
        model: BoTorch model of log10(rate), for joint posteriors.
        best: lowest log10(rate) so far.
        seed: of the batch's random numbers.
        observed: features of what is measured, shape (k, d).
        space: features of every candidate of the shortlist, those that do not fit the limits included, shape (s, d);
            None takes `x`.
        log_p: log P(forms), shape (m,); None counts everything as formed.
        index: of the candidates in the space, shape (m,).
        frame: their rows of the ranking.
    """

    x: Array
    model: Any
    best: float
    seed: int
    observed: Array | None = None
    space: Array | None = None
    log_p: Array | None = None
    index: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    frame: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class Chosen:
    """What is pending, and what the batch holds already.

    Attributes:
        x: features, shape (p, d).
        n_picked: how many of them, the last ones, are of this batch.
        columns: the strategy's `pending_names` of the same points.
    """

    x: Array
    n_picked: int = 0
    columns: pd.DataFrame = field(default_factory=pd.DataFrame)


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
    """A measured property beside the rate.

    Attributes:
        name: of its column in a ranking.
        surrogate: predicts it, `predict(x, chunk) -> (mean, sd)` over the features of the rate's; for batches it has a
            BoTorch `model`.
        sign: +1 where large values are good, -1 where small ones are.
        worst: the worst value still of interest; None takes it from what is observed.
    """

    name: str
    surrogate: Any
    sign: float
    worst: float | None = None

    def __post_init__(self) -> None:
        _check_sign(self.name, self.sign)

    @property
    def words(self) -> str:
        """What is sought."""
        return f"{'maximize' if self.sign > 0 else 'minimize'} {self.name}"


@dataclass(frozen=True)
class FixedObjective:
    """A property that is known of a compound before it is made.

    Attributes:
        name: "feasibility", "novelty", or a further one of the strategy's columns, such as a price.
        sign: +1 where large values are good, -1 where small ones are.
        worst: the worst value still of interest: what is worse is left out.
        observed: its values for the compounds whose rate is measured, shape (k,), NaN where it is not known: such a
            compound dominates nothing. None for "feasibility", since what is measured has formed (1), and for
            "novelty", which is then the distance to the nearest other measured compound.
        sought: what is sought, in words; empty takes the name.
    """

    name: str
    sign: float
    worst: float
    observed: Array | None = None
    sought: str = ""

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
    """What a strategy may be made from.

    Attributes:
        seed: of everything random.
        surrogate: of the rate.
        x_observed: features of the compounds whose rate is measured, shape (k, d).
        columns: where further numbers of a compound come from.
        wishes: what is wished for.
        objectives: what the rate is traded off against.
        worst_log10_rate: the worst rate still of interest, None takes it from what is observed.
    """

    seed: int
    surrogate: Predictor
    x_observed: Array
    columns: Columns = field(default_factory=Columns)
    wishes: tuple[Wish, ...] = ()
    objectives: tuple[PropertyObjective | FixedObjective, ...] = ()
    worst_log10_rate: float | None = None


class Strategy(ABC):
    """What compounds are ranked by, and the members of a batch chosen by.

    A strategy of mean and spread alone is shorter as an `Acquisition`. Values are to be maximised; only their order
    counts.

    Attributes:
        name: the word that a description knows it by.
        words: what it looks for, for people.
        predicts: whether it looks at predictions; one that does not ranks without any.
        rises_with_sd: whether the score depends on nothing but mean, sd, P(forms) and the best so far, and neither a
            larger sd nor a larger P(forms) ever lowers it: then the score of a bound is a bound of the score, and a
            pass may leave out what cannot reach the top.
        takes: parts of a description's objective that it takes account of: "wishes", "tradeoff".
    """

    name: ClassVar[str]
    words: ClassVar[str]
    predicts: ClassVar[bool] = True
    rises_with_sd: ClassVar[bool] = False
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
    """Class decorator: gives a strategy its name, so that a description can ask for it; a `RegistryError` if that is
    taken."""
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


def choose_strategy(card: ScoreCard) -> Choice:
    """Choose by the surrogate's own out-of-fold score card.

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
        return Choice("log_ei", f"{promise}: the model {share}")
    return Choice("log_ei", f"{promise} and for what they teach: the model {share}")
