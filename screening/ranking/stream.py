"""One streamed pass over a space: score a block, keep the best, forget the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from chemspace.progress import Progress
from chemspace.space import CompoundSpace, SpaceBlock
from oracle.descriptors import CationTable
from screening.acquisition.analytic import log_expected_improvement
from screening.acquisition.named import Acquisition
from screening.errors import RankingError
from screening.feasibility.bound import BoundFeasibility
from screening.ranking.aims import Aim, Lot, Numbers
from screening.ranking.grid import BlockFeatures
from screening.ranking.parallel import map_blocks
from screening.ranking.top import TopK

if TYPE_CHECKING:
    from screening.ranking.bounds import PredictionBounds

__all__ = [
    "Counts",
    "Predictor",
    "Score",
    "Scoring",
    "latent_sd",
    "predict",
    "stream",
    "subset",
    "unexplained_variance",
]

Array = NDArray[np.float64]
#: Rows a model predicts at once (fits the cache).
_CHUNK = 4096
#: How far below the threshold a bound may be before its compound is left out, relative to 1 + |threshold|: single
#: precision moves a value by a hundredth of this.
_MARGIN = 1.0e-3
#: (mean (m,), sd (m,), best observed) -> values to be maximised (m,).
Score = Callable[[Array, Array, float], Array]


class Predictor(Protocol):
    """What a ranking needs of a surrogate: mean and sd of log10(rate) for features (m, d)."""

    def predict(self, x: Array, chunk: int = ...) -> tuple[Array, Array]:
        """Mean (m,) and standard deviation (m,) of a new measurement at features (m, d)."""
        ...


@dataclass(frozen=True, slots=True)
class Counts:
    """Compounds of a pass: passed over, excluded, without descriptors, left out by their bound."""

    scored: int = 0
    excluded: int = 0
    undescribed: int = 0
    bounded: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.scored + other.scored,
            self.excluded + other.excluded,
            self.undescribed + other.undescribed,
            self.bounded + other.bounded,
        )


@dataclass(frozen=True)
class Scoring:
    """What every compound of a space is scored with.

    Attributes:
        space, tables: the compounds and the descriptors of their spacers and cage cations.
        bound: P(forms), or None.
        score: the acquisition.
        best_observed: lowest log10(rate) so far.
        unexplained: what a predicted variance holds beyond the latent target.
        excluded: indices never returned, ascending.
        aim: what takes the place of acquisition times feasibility, or None.
    """

    space: CompoundSpace
    tables: tuple[CationTable, CationTable]
    bound: BoundFeasibility | None
    score: Score
    best_observed: float
    unexplained: float
    excluded: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    aim: Aim | Lot | None = None

    @cached_property
    def n_allowed(self) -> int:
        """Compounds that the constraints of the space leave; an estimate where they do not factor."""
        return self.space.estimated_size().count if self.space.constraints else len(self.space)

    @cached_property
    def features(self) -> BlockFeatures:
        """Features of the blocks of this space."""
        return BlockFeatures(self.space, *self.tables)

    def values(
        self, predictor: Predictor, x: Array, block: SpaceBlock, source: NDArray[np.int64] | slice = slice(None)
    ) -> Array:
        """Values of the compounds of a block, shape (m,), from features of their rows.

        Args:
            predictor: of the rate.
            x: features, shape (rows, d).
            block: m compounds.
            source: row of x of each compound, shape (m,); absent, they are the same.
        """
        if isinstance(self.aim, Lot):  # needs no prediction
            return self.aim.values(block.index)
        return self.worth(*predict(predictor, x), x, block, source)

    def worth(
        self, mean: Array, sd: Array, x: Array, block: SpaceBlock, source: NDArray[np.int64] | slice = slice(None)
    ) -> Array:
        """As `values`, from predictions of a new measurement, mean and sd (rows,)."""
        if isinstance(self.aim, Lot):
            return self.aim.values(block.index)
        latent = latent_sd(sd, self.unexplained)
        acquisition, log_p = self.score(mean, latent, self.best_observed), self.log_feasibility(block)
        if self.aim is None:
            return np.asarray(acquisition[source] + log_p)
        numbers = Numbers(block, x[source], mean[source], latent[source], acquisition[source], log_p)
        return self.aim.log_values(numbers)

    def columns(self, mean: Array, sd: Array, x: Array, block: SpaceBlock) -> dict[str, Array]:
        """What the aim adds to the columns of a ranking, each (m,); as `worth`."""
        if self.aim is None or isinstance(self.aim, Lot):
            return {}
        latent = latent_sd(sd, self.unexplained)
        acquisition = self.score(mean, latent, self.best_observed)
        return self.aim.columns(Numbers(block, x, mean, latent, acquisition, self.log_feasibility(block)))

    def log_feasibility(self, block: SpaceBlock) -> Array:
        """log P(forms) of a block, shape (m,); zeros without a feasibility model."""
        return np.zeros(len(block)) if self.bound is None else self.bound.log_probability(block)

    def may_prune(self) -> bool:
        """Whether a bound of the standard deviation is one of the acquisition."""
        rises = isinstance(self.score, Acquisition) and self.score.rises_with_sd
        return self.aim is None and (rises or self.score is log_expected_improvement)

    def block_numbers(
        self, predictor: Predictor, bounds: PredictionBounds | None, item: tuple[SpaceBlock, float]
    ) -> tuple[NDArray[np.int64], Array, Counts]:
        """What of a block may be above a threshold.

        Args:
            predictor: of the rate.
            bounds: that spare predictions, or None.
            item: the block and the threshold.

        Returns:
            Indices (k,) and values (k,) of those compounds, and the counts of the block.
        """
        block, threshold = item
        rows = self.features.rows(block)
        described = np.asarray(np.isfinite(rows.x).all(axis=1))
        wanted = described
        if bounds is not None and threshold > -np.inf and described.any():
            wanted = described.copy()
            best = self.score(*bounds.mean_and_sd(rows.x[described]), self.best_observed)
            wanted[described] = best >= threshold - _MARGIN * (1.0 + abs(threshold))
        held = np.isin(block.index, self._excluded_in(block), assume_unique=True)
        missing = np.zeros(len(block), dtype=bool)
        missing[rows.places(np.flatnonzero(~described))[0]] = True
        chosen = np.flatnonzero(wanted)
        places, source = rows.places(chosen)
        free = ~held[places]
        places, source = places[free], source[free]
        value = np.empty(0)
        if places.size:
            value = self.values(predictor, rows.x[chosen], subset(block, places), source)
        undescribed = int(np.count_nonzero(missing & ~held))
        excluded = int(np.count_nonzero(held))
        bounded = len(block) - excluded - undescribed - len(places)
        return block.index[places], value, Counts(len(block), excluded, undescribed, bounded)

    def _excluded_in(self, block: SpaceBlock) -> NDArray[np.int64]:
        first, last = np.searchsorted(self.excluded, [block.index[0], block.index[-1] + 1])
        return self.excluded[first:last]


def stream(
    scoring: Scoring,
    predictor: Predictor,
    bounds: PredictionBounds | None,
    keep: int,
    block_size: int,
    workers: int,
    progress: Progress | None = None,
) -> tuple[NDArray[np.int64], Array, Counts]:
    """Indices and values, each (k,), of the `keep` best compounds of a space, best first, and the counts of the pass.

    What a block is compared with is the list as it was when the block was handed out, in order, so that the counts do
    not depend on which thread was quicker.
    """
    top, counts, total = TopK(keep), Counts(), scoring.n_allowed

    def items() -> Iterator[tuple[SpaceBlock, float]]:
        for block in scoring.space.blocks(block_size):
            yield block, top.threshold

    work = partial(scoring.block_numbers, predictor, bounds)
    scoring.features  # noqa: B018  # worked out before the threads ask for it together
    with threadpool_limits(1):
        for index, value, own in map_blocks(work, items(), workers):
            counts = counts + own
            top.offer(value, index)
            if progress is not None:
                progress(counts.scored, max(total, counts.scored), "compounds scored")
    return (*top.result(), counts)


def predict(surrogate: Predictor, x: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of a new measurement at features (m, d), each (m,).

    Raises:
        RankingError: if one of them is no number.
    """
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


def subset(block: SpaceBlock, rows: NDArray[np.int64]) -> SpaceBlock:
    """The compounds of a block at some places in it, shape (r,)."""
    return SpaceBlock(
        block.index[rows],
        block.spacer[rows],
        block.cage[rows],
        block.n_layers[rows],
        block.b_site[rows],
        block.halide[rows],
    )
