"""One streamed pass over a space: score a block, keep the best, forget the rest."""

from __future__ import annotations

import copy
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from chemspace.geometry import tolerance_factor
from chemspace.progress import Progress
from chemspace.space import CompoundSpace, SpaceBlock
from oracle.descriptors import DESCRIPTOR_NAMES, CationTable, space_descriptors
from screening.devices import usable_device
from screening.errors import RankingError
from screening.feasibility.model import BoundFeasibility
from screening.features import to_features
from screening.ranking.aims import Aim, Lot, Numbers
from screening.strategies.acquisition import Acquisition, log_expected_improvement

if TYPE_CHECKING:
    from screening.ranking.bounds import PredictionBounds

__all__ = ["Scoring", "TopK", "predict", "subset", "unexplained_variance"]


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


Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_blocks(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Results of `function` in the order of the items, at most two items a worker in flight, so memory is bounded.

    One worker runs in the caller's own thread. An exception of the function is raised at its item's turn.
    """
    if workers <= 1:
        yield from map(function, items)
        return
    source = iter(items)
    with ThreadPoolExecutor(workers, thread_name_prefix="ranking") as pool:
        flying: deque[Future[Result]] = deque(pool.submit(function, item) for item in islice(source, 2 * workers))
        try:
            while flying:
                yield flying.popleft().result()
                flying.extend(pool.submit(function, item) for item in islice(source, 1))
        finally:
            for future in flying:
                future.cancel()


Array = NDArray[np.float64]


class SinglePrecision:
    """Copies a surrogate's model to float32 and predicts with it; the surrogate itself is left alone.

    The model must have `marginal(x) -> (mean, latent variance)`, as the shipped surrogates' models do. `predict` gives
    the standard deviation of a new measurement, like the surrogate's own.
    """

    def __init__(self, surrogate: Any, device: str = "cpu") -> None:
        """Copy the model.

        Raises:
            RankingError: for a surrogate whose model has no `marginal`. DeviceError: for a device that is not there.
        """
        import torch

        if not hasattr(getattr(surrogate, "model", None), "marginal"):
            raise RankingError("single precision needs a surrogate whose model has `marginal`; rank in float64 instead")
        self._device = usable_device(device)
        self._unexplained = float(surrogate.model.unexplained_variance())
        self.model = copy.deepcopy(surrogate.model).to(device=device, dtype=torch.float32).eval()

    def predict(self, x: Array, chunk: int = 65536) -> tuple[Array, Array]:
        """Mean and standard deviation of a new measurement, shapes (m,), float64 numbers of float32 accuracy."""
        import torch

        from screening.devices import one_thread

        mean, sd = np.empty(len(x)), np.empty(len(x))
        with torch.no_grad(), one_thread():
            for start in range(0, len(x), chunk):
                rows = slice(start, start + chunk)
                points = torch.as_tensor(x[rows], device=self._device).to(torch.float32)
                centre, variance = self.model.marginal(points)
                mean[rows] = centre.cpu().numpy()
                sd[rows] = np.sqrt(np.maximum(variance.cpu().numpy().astype(np.float64), 0.0) + self._unexplained)
        return mean, sd


_RADIUS = DESCRIPTOR_NAMES.index("radius_angstrom")
#: Columns before the tolerance factor and the layer number: averages over the organic cations.
_AVERAGED = len(DESCRIPTOR_NAMES) - 2


@dataclass(frozen=True)
class BlockRows:
    """Rows of features of a block, and which compounds of the block each stands for.

    Cage cations without carbon have no descriptors, so compounds that differ in them alone share a row.

    Attributes:
        x: features, shape (rows, d), rows = c x v.
        compounds: places in the block of each row's compounds, relative to its spacer, one row's after the other's,
            shape (u,).
        start, count: where the compounds of each of the v rows of one spacer begin in it, and how many there are.
    """

    x: Array
    compounds: NDArray[np.int64]
    start: NDArray[np.int64]
    count: NDArray[np.int64]

    def places(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places in the block of the compounds of some rows (r,), and for each the position of its row, each (m,)."""
        spacer, kind = np.divmod(rows, len(self.count))
        counts = self.count[kind]
        before = np.cumsum(counts) - counts
        source = np.repeat(np.arange(len(rows)), counts)
        inside = np.arange(int(counts.sum())) - before[source] + self.start[kind][source]
        return self.compounds[inside] + spacer[source] * len(self.compounds), source


class BlockFeatures:
    """Features of any block of one space; what belongs to one cation or one surrounding is worked out here, once."""

    def __init__(self, space: CompoundSpace, spacer_table: CationTable, cage_table: CationTable) -> None:
        self._space, self._tables = space, (spacer_table, cage_table)
        charges = np.fromiter((cation.charge for cation in space.spacers), dtype=np.float64, count=len(space.spacers))
        self._weight = 2.0 / charges * spacer_table.organic
        inner = space.take(np.arange(space.n_inner))
        self._n_layers = inner.n_layers.astype(np.float64)
        self._frame = inner.b_site * len(space.halide_options) + inner.halide
        self._cages = [_part(space, inner, cage_table, which) for which in range(_most_parts(space))]
        held = (
            np.any([weight > 0.0 for weight, _ in self._cages], axis=0) if self._cages else np.zeros(len(inner), bool)
        )
        key = np.column_stack([inner.n_layers, self._frame, np.where(held, inner.cage, -1)])
        self._kind = np.unique(key, axis=0, return_inverse=True)[1].reshape(-1)

    def rows(self, block: SpaceBlock) -> BlockRows:
        """Rows of a block; compounds that do not come as spacers times equal surroundings get a row each."""
        inner = self._surroundings(block)
        if inner is None:
            x = to_features(space_descriptors(self._space, block, *self._tables))
            return BlockRows(x, np.zeros(1, np.int64), np.zeros(1, np.int64), np.ones(1, np.int64))
        _, first, kind = np.unique(self._kind[inner], return_index=True, return_inverse=True)
        count = np.bincount(kind).astype(np.int64)
        order = np.argsort(kind, kind="stable").astype(np.int64)
        spacers = block.spacer[:: len(inner)]
        return BlockRows(self._features(spacers, inner[first]), order, np.cumsum(count) - count, count)

    def _surroundings(self, block: SpaceBlock) -> NDArray[np.int64] | None:
        """Positions among a spacer's compounds that every spacer of the block has, shape (u,); None if they differ."""
        size = len(block)
        own = int(np.searchsorted(block.spacer, block.spacer[0], side="right")) if size else 0
        if not own or size % own:
            return None
        spacer = block.spacer.reshape(-1, own)
        inner = (block.index - block.spacer.astype(np.int64) * self._space.n_inner).reshape(-1, own)
        alike = (spacer == spacer[:, :1]).all() and (inner == inner[0]).all()
        return inner[0] if alike else None

    def _features(self, spacers: NDArray[np.integer], inner: NDArray[np.int64]) -> Array:
        """Features of every pair of spacers (c,) and surroundings (v,), shape (c x v, d); as `space_descriptors`."""
        weight = self._weight[spacers]
        total = weight[:, None] * np.where(weight[:, None] > 0, self._tables[0].values[spacers], 0.0)
        out = np.empty((len(DESCRIPTOR_NAMES), len(spacers), len(inner)))
        averaged, shared = out[:_AVERAGED], np.broadcast_to(weight[:, None], out.shape[1:])
        averaged[:] = total.T[:, :, None]
        for cage_weight, sums in self._cages:
            averaged += sums[inner].T[:, None, :]
            shared = shared + cage_weight[inner]
        with np.errstate(invalid="ignore"):
            averaged /= shared
        for frame in np.unique(self._frame[inner]):
            own = np.flatnonzero(self._frame[inner] == frame)
            where = slice(own[0], own[-1] + 1) if own[-1] - own[0] == len(own) - 1 else own
            out[_AVERAGED][:, where] = self._tolerance(int(frame), out[_RADIUS][:, where])
        out[-1] = self._n_layers[inner]
        return to_features(out.reshape(len(out), -1).T)

    def _tolerance(self, frame: int, radius: Array) -> Array:
        b_site, halide = divmod(frame, len(self._space.halide_options))
        metal, parts = self._space.b_sites[b_site], self._space.halide_options[halide]
        value: Array = sum(  # type: ignore[assignment]  # there is at least one part
            float(part) * tolerance_factor(radius, metal, symbol) for symbol, part in parts
        )
        return value


def _most_parts(space: CompoundSpace) -> int:
    return max(map(len, space.cage_options), default=0)


def _part(space: CompoundSpace, inner: SpaceBlock, cages: CationTable, which: int) -> tuple[Array, Array]:
    """Weight (n_inner,) and weighted descriptors (n_inner, 8) of the first, second, ... cation of each surrounding."""
    place = {cation: number for number, cation in enumerate(space.cage_cations)}
    held = [option[which] if which < len(option) else None for option in space.cage_options]
    places = np.array([0 if part is None else place[part[0]] for part in held], dtype=np.intp)
    fractions = np.array([0.0 if part is None else float(part[1]) for part in held])
    option = np.where(inner.cage >= 0, inner.cage, 0)
    cage = places[option]
    weight = np.where(inner.cage >= 0, fractions[option] * (inner.n_layers - 1.0), 0.0) * cages.organic[cage]
    return weight, weight[:, None] * np.where(weight[:, None] > 0, cages.values[cage], 0.0)


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
