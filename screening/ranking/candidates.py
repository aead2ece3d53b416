"""The compounds of a space as candidates: what predicts them, what they are ranked by, their features by block, and one
streamed pass over them, here or on a Dask cluster: score a block, keep the best, forget the rest.

Shapes: m compounds, d features, c spacers, u surroundings of a spacer, v of them with features of their own.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Collection, Mapping
from concurrent.futures import CancelledError
from dataclasses import astuple, dataclass, field
from functools import cached_property
from itertools import count, islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from chemspace.geometry import tolerance_factor
from chemspace.progress import Progress
from chemspace.space import CompoundSpace, SpaceBlock
from oracle.descriptors import CationTable, space_descriptors
from screening.calibration import chance_below, interval
from screening.devices import map_blocks, one_thread, usable_device
from screening.errors import RankingError
from screening.feasibility import BoundFeasibility, FeasibilityModel
from screening.features import to_features
from screening.strategies.acquisitions import LogExpectedImprovement
from screening.strategies.strategy import (
    NEAREST_COLUMNS,
    MeasuredSet,
    Numbers,
    Predictor,
    Strategy,
    latent_sd,
    predict,
    unexplained_variance,
)

if TYPE_CHECKING:
    from screening.ranking.bounds import PredictionBounds

__all__ = ["TopK", "lifetime_columns", "subset"]

Array = NDArray[np.float64]
#: Columns of a ranking's frame, in order, before those of the strategy and of further properties. `mean` and `sd` are
#: of log10(rate in 1/ps) of a new measurement, the lifetimes its median and its central 90% interval in ps;
#: `acquisition` is the value ranked by; `feasibility` is P(forms); `chance_best` and `chance_goal` are the chances that
#: the compound, if it forms, is measured slower than the best so far, and than the goal (NaN without one).
RANKING_COLUMNS = (
    "index",
    "formula",
    "mean",
    "sd",
    "lifetime_ps",
    "lifetime_low_ps",
    "lifetime_high_ps",
    "acquisition",
    "feasibility",
    *NEAREST_COLUMNS,
    "chance_best",
    "chance_goal",
)


def lifetime_columns(mean: Array, sd: Array) -> dict[str, Array]:
    """Median lifetime in ps and its central 90% interval from mean and sd of log10(rate), shapes (m,)."""
    slowest, fastest = interval(mean, sd)
    return {"lifetime_ps": 10.0**-mean, "lifetime_low_ps": 10.0**-fastest, "lifetime_high_ps": 10.0**-slowest}


@dataclass(frozen=True, eq=False)
class Candidates:
    """The compounds of a space and everything they are ranked with.

    Raises:
        RankingError: if the tables do not fit the space.
    """

    space: CompoundSpace  #: the compounds, never materialised
    spacer_table: CationTable  #: descriptors of `space.spacers`, rows aligned; NaN where the oracle failed
    cage_table: CationTable  #: the same of `space.cage_cations`
    surrogate: Predictor  #: anything with `predict(x, chunk) -> (mean, sd)` of log10(rate) over `screening.features`
    best_observed: float  #: lowest log10(rate) so far
    strategy: Strategy = field(default_factory=LogExpectedImprovement)  #: what they are ranked by
    feasibility: FeasibilityModel | None = None  #: tells P(forms); None counts everything as formed
    exclude: Collection[int] = ()  #: indices never returned (measured, pending, banned)
    measured: MeasuredSet | None = None  #: what the nearest measured compound is looked for in
    #: Further predictors by name; each adds a column of its means and one of its standard deviations, NAME_sd.
    properties: Mapping[str, Predictor] = field(default_factory=dict)
    #: Log10(rate) that is sought; improvement counts from it where it is below the best so far. None for none.
    goal: float | None = None

    def __post_init__(self) -> None:
        tables = ((self.spacer_table, self.space.spacers), (self.cage_table, self.space.cage_cations))
        for name, (table, cations) in zip(("spacer_table", "cage_table"), tables, strict=True):
            if len(table.values) != len(cations):
                raise RankingError(
                    f"{name} has {len(table.values)} rows, the space has {len(cations)} such cations: one row a cation"
                )

    @property
    def incumbent(self) -> float:
        """What must be beaten, log10(rate): the best so far, or the goal where that is lower."""
        return self.best_observed if self.goal is None else min(self.best_observed, self.goal)

    @cached_property
    def excluded(self) -> NDArray[np.int64]:
        """Indices never returned, ascending, shape (e,)."""
        return np.unique(np.fromiter(self.exclude, dtype=np.int64, count=len(self.exclude)))

    @cached_property
    def n_allowed(self) -> int:
        """Compounds that the constraints of the space leave."""
        return self.space.n_allowed

    @cached_property
    def block_features(self) -> BlockFeatures:
        """Features of the blocks of this space."""
        return BlockFeatures(self.space, self.spacer_table, self.cage_table)

    def features(self, block: SpaceBlock) -> Array:
        """Features of any compounds, shape (m, d); NaN rows where a cation has no descriptors."""
        return space_features(self.space, block.index, self.spacer_table, self.cage_table)

    def log_feasibility(self, block: SpaceBlock) -> Array:
        """log P(forms) of some compounds, shape (m,); zeros without a feasibility model."""
        return np.zeros(len(block)) if self._bound is None else self._bound.log_probability(block)

    def numbers(
        self, block: SpaceBlock, x: Array, mean: Array, sd: Array, source: NDArray[np.int64] | None = None
    ) -> Numbers:
        """What a strategy is told of m compounds with features x (rows, d), mean and sd (rows,) of a new measurement;
        `source` (m,) is the row of each, absent they are the same."""
        latent = latent_sd(sd, self._unexplained)
        return Numbers(x, mean, latent, self.log_feasibility(block), self.incumbent, block, source)

    def values(
        self, predictor: Predictor, x: Array, block: SpaceBlock, source: NDArray[np.int64] | None = None
    ) -> Array:
        """Values of some compounds by the strategy, shape (m,), predicted by `predictor`; as `numbers`."""
        if self.strategy.predicts:
            return self.strategy.score(self.numbers(block, x, *predict(predictor, x), source))
        nothing = np.zeros(len(x))
        return self.strategy.score(Numbers(x, nothing, nothing, np.zeros(len(block)), 0.0, block, source))

    def frame(self, block: SpaceBlock, x: Array, value: Array | None = None) -> pd.DataFrame:
        """`RANKING_COLUMNS`, those of the strategy and of the properties, one row a compound; features x (m, d) are
        finite, `value` (m,) is theirs by the strategy where it is known."""
        mean, sd = predict(self.surrogate, x)
        numbers = self.numbers(block, x, mean, sd)
        columns: dict[str, object] = {
            "index": block.index,
            "formula": [self.space[int(index)].formula for index in block.index],
            "mean": mean,
            "sd": sd,
            **lifetime_columns(mean, sd),
            "acquisition": self.strategy.score(numbers) if value is None else value,
            "feasibility": np.exp(numbers.log_p),
            **(self.measured or MeasuredSet((), x[:0])).columns(x),
            "chance_best": chance_below(self.best_observed, mean, sd),
            "chance_goal": chance_below(np.nan if self.goal is None else self.goal, mean, sd),
        }
        columns = self.strategy.columns(numbers) | columns
        for name, predictor in self.properties.items():
            columns[name], columns[f"{name}_sd"] = predict(predictor, x)
        return pd.DataFrame({name: columns[name] for name in dict.fromkeys((*RANKING_COLUMNS, *columns))})

    @cached_property
    def _bound(self) -> BoundFeasibility | None:
        return None if self.feasibility is None else self.feasibility.bind(self.space)

    @cached_property
    def _unexplained(self) -> float:
        return unexplained_variance(self.surrogate)


def space_features(
    space: CompoundSpace, indices: NDArray[np.int64], spacer_table: CationTable, cage_table: CationTable
) -> Array:
    """Features of some compounds of a space, shape (k, d); NaN rows where a cation has no descriptors."""
    descriptors = space_descriptors(space, space.take(indices), spacer_table, cage_table)
    return to_features(descriptors, spacer_table.descriptors)


@dataclass(frozen=True)
class BlockRows:
    """Rows of features of a block, and which compounds of the block each stands for.

    Cage cations without carbon have no descriptors, so compounds that differ in them alone share a row.
    """

    x: Array  #: features, shape (rows, d), rows = c x v
    #: Places in the block of each row's compounds, relative to its spacer, one row's after the other's, shape (u,).
    compounds: NDArray[np.int64]
    #: `start`, `count`: where the compounds of each of the v rows of one spacer begin in it, and how many there are.
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
        self._descriptors = spacer_table.descriptors
        self._weight = 2.0 / space.charges * spacer_table.organic
        inner = space.take(np.arange(space.n_inner))
        self._n_layers = inner.n_layers.astype(np.float64)
        self._frame = inner.b_site * len(space.halide_options) + inner.halide
        most = max(map(len, space.cage_options), default=0)
        self._cages = [_part(space, inner, cage_table, which) for which in range(most)]
        held = (
            np.any([weight > 0.0 for weight, _ in self._cages], axis=0) if self._cages else np.zeros(len(inner), bool)
        )
        key = np.column_stack([inner.n_layers, self._frame, np.where(held, inner.cage, -1)])
        self._kind = np.unique(key, axis=0, return_inverse=True)[1].reshape(-1)

    @cached_property
    def kinds(self) -> tuple[NDArray[np.int64], BlockRows]:
        """Kinds of surroundings that features tell apart: one of the compounds of a spacer for each, shape (v,), and
        rows by which `places` gives indices in the space of the compounds of row spacer x v + kind; these rows have no
        features."""
        first, count = np.unique(self._kind, return_index=True, return_counts=True)[1:]
        order = np.argsort(self._kind, kind="stable").astype(np.int64)
        nothing = np.empty((0, len(self._descriptors)))
        return first.astype(np.int64), BlockRows(nothing, order, np.cumsum(count) - count, count.astype(np.int64))

    def rows(self, block: SpaceBlock) -> BlockRows:
        """Rows of a block; compounds that do not come as spacers times equal surroundings get a row each."""
        inner = self._surroundings(block)
        if inner is None:
            x = to_features(space_descriptors(self._space, block, *self._tables), self._descriptors)
            return BlockRows(x, np.zeros(1, np.int64), np.zeros(1, np.int64), np.ones(1, np.int64))
        _, first, kind = np.unique(self._kind[inner], return_index=True, return_inverse=True)
        count = np.bincount(kind).astype(np.int64)
        order = np.argsort(kind, kind="stable").astype(np.int64)
        spacers = block.spacer[:: len(inner), None]
        return BlockRows(self.features(spacers, inner[first]), order, np.cumsum(count) - count, count)

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

    def features(self, spacers: NDArray[np.integer], inner: NDArray[np.int64]) -> Array:
        """Features of spacers in surroundings (v,), as `space_descriptors`: of each spacer (v,) in its own, shape (v,
        d), or of all pairs with spacers (c, 1), shape (c x v, d)."""
        weight, values = self._weight[spacers], self._tables[0].values[spacers]  # noqa: PD011  # no pandas
        n_averaged, radius = len(self._descriptors.of_cations), self._descriptors.radius
        out = np.empty((len(self._descriptors), *np.broadcast_shapes(spacers.shape, inner.shape)))
        averaged, shared = out[:n_averaged], weight
        averaged[:] = np.moveaxis(weight[..., None] * np.where(weight[..., None] > 0, values, 0.0), -1, 0)
        for cage_weight, sums in self._cages:
            averaged += sums.T[:, None, inner] if spacers.ndim > 1 else sums.T[:, inner]
            shared = shared + cage_weight[inner]
        with np.errstate(invalid="ignore"):
            averaged /= shared
        frames = self._frame[inner]
        for frame in np.unique(frames):
            own = np.flatnonzero(frames == frame)
            where = slice(own[0], own[-1] + 1) if own[-1] - own[0] == len(own) - 1 else own
            metal, halide = divmod(int(frame), len(self._space.halide_options))
            out[n_averaged][..., where] = sum(
                float(part) * tolerance_factor(out[radius][..., where], self._space.b_sites[metal], symbol)
                for symbol, part in self._space.halide_options[halide]
            )
        out[-1] = self._n_layers[inner]
        return to_features(out.reshape(len(out), -1).T, self._descriptors)


def _part(space: CompoundSpace, inner: SpaceBlock, cages: CationTable, which: int) -> tuple[Array, Array]:
    """Weight (n_inner,) and weighted descriptors (n_inner, c) of the first, second, ... cation of each surrounding."""
    place = {cation: number for number, cation in enumerate(space.cage_cations)}
    held = [option[which] if which < len(option) else None for option in space.cage_options]
    places = np.array([0 if part is None else place[part[0]] for part in held], dtype=np.intp)
    fractions = np.array([0.0 if part is None else float(part[1]) for part in held])
    option = np.where(inner.cage >= 0, inner.cage, 0)
    cage = places[option]
    weight = np.where(inner.cage >= 0, fractions[option] * (inner.n_layers - 1.0), 0.0) * cages.organic[cage]
    return weight, weight[:, None] * np.where(weight[:, None] > 0, cages.values[cage], 0.0)  # noqa: PD011  # no pandas


def subset(block: SpaceBlock, rows: NDArray[np.int64]) -> SpaceBlock:
    """The compounds of a block at some places in it, shape (r,)."""
    return SpaceBlock(*(column[rows] for column in vars(block).values()))


#: How far below the threshold a bound may be before its compound is left out, relative to 1 + |threshold|: single
#: precision moves a value by a hundredth of this.
_MARGIN = 1.0e-3


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


class SinglePrecision:
    """Copies a surrogate's model to float32 and predicts with it; the surrogate itself is left alone.

    The model must have `marginal(x) -> (mean, latent variance)`, as the shipped surrogates' models do. `predict` gives
    the standard deviation of a new measurement, like the surrogate's own.
    """

    def __init__(self, surrogate: Any, device: str = "cpu") -> None:
        """Copy the model; a `RankingError` if it has no `marginal`, a `DeviceError` for a device that is not there."""
        import torch

        from screening.ranking.bounds import join_processes

        if not hasattr(getattr(surrogate, "model", None), "marginal"):
            raise RankingError("single precision needs a surrogate whose model has `marginal`; rank in float64 instead")
        self._device = usable_device(device)
        self._unexplained = float(surrogate.model.unexplained_variance())
        self.model = copy.deepcopy(surrogate.model)
        if self._device == "cpu":
            join_processes(self.model)
        self.model = self.model.to(device=device, dtype=torch.float32).eval()

    def predict(self, x: Array, chunk: int | None = None) -> tuple[Array, Array]:
        """Mean and standard deviation of a new measurement, shapes (m,), float64 numbers of float32 accuracy; `chunk`
        rows at once, absent as many as stay in a processor's cache or fill another device."""
        import torch

        mean, sd = np.empty(len(x)), np.empty(len(x))
        size = chunk or (2048 if self._device == "cpu" else 65536)
        with torch.no_grad(), one_thread():
            for start in range(0, len(x), size):
                rows = slice(start, start + size)
                points = torch.as_tensor(x[rows], device=self._device).to(torch.float32)
                centre, variance = self.model.marginal(points)
                mean[rows] = centre.cpu().numpy()
                sd[rows] = np.sqrt(np.maximum(variance.cpu().numpy().astype(np.float64), 0.0) + self._unexplained)
        return mean, sd


@dataclass(frozen=True, slots=True)
class Counts:
    """Compounds of a pass: passed over, excluded, without descriptors, left out by their bound."""

    scored: int = 0
    excluded: int = 0
    undescribed: int = 0
    bounded: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*np.add(astuple(self), astuple(other)).tolist())


#: Indices (k,) and values (k,) of compounds, best first, and the counts of what was passed over.
Found = tuple[NDArray[np.int64], Array, Counts]


@dataclass(frozen=True)
class Pass:
    """One pass over all candidates."""

    candidates: Candidates  #: what is passed over
    predictor: Predictor  #: of the rate: the candidates' surrogate, or its copy in single precision
    bounds: PredictionBounds | None  #: that spare predictions, or None
    keep: int  #: compounds to keep
    block_size: int  #: compounds scored at once

    def block_numbers(self, block: SpaceBlock, threshold: float) -> Found:
        """Indices (k,) and values (k,) of what of a block may be above a threshold, and the counts of the block."""
        rows = self.candidates.block_features.rows(block)
        described = np.asarray(np.isfinite(rows.x).all(axis=1))
        wanted = described
        if self.bounds is not None and threshold > -np.inf and described.any():
            wanted = described.copy()
            best = bound(self.candidates, self.bounds, rows.x[described])
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
            value = self.candidates.values(self.predictor, rows.x[chosen], subset(block, places), source)
        undescribed = int(np.count_nonzero(missing & ~held))
        excluded = int(np.count_nonzero(held))
        bounded = len(block) - excluded - undescribed - len(places)
        return block.index[places], value, Counts(len(block), excluded, undescribed, bounded)

    def run(self, first: int, last: int, threshold: float) -> Found:
        """Best compounds of the blocks from `first` to before `last`, above a threshold, and the counts."""
        top, counts = TopK(self.keep), Counts()
        with threadpool_limits(1):
            for block in islice(self.candidates.space.blocks(self.block_size), first, last):
                index, value, own = self.block_numbers(block, max(threshold, top.threshold))
                top.offer(value, index)
                counts = counts + own
        return (*top.result(), counts)

    def _excluded_in(self, block: SpaceBlock) -> NDArray[np.int64]:
        excluded = self.candidates.excluded
        first, last = np.searchsorted(excluded, [block.index[0], block.index[-1] + 1])
        return excluded[first:last]


def bound(candidates: Candidates, bounds: PredictionBounds, x: Array) -> Array:
    """Upper bound of the score of any compound with these features (rows, d), shape (rows,)."""
    mean, sd = bounds.mean_and_sd(x)
    return candidates.strategy.score(Numbers(x, mean, sd, np.zeros(len(x)), candidates.incumbent))


def stream(work: Pass, workers: int, progress: Progress | None = None) -> Found:
    """Indices and values, each (k,), of the best compounds of a space, best first, and the counts of the pass.

    What a block is compared with is the list as it was when the block was handed out, in order, so that the counts do
    not depend on which thread was quicker.
    """
    candidates = work.candidates
    top, counts, total = TopK(work.keep), Counts(), candidates.n_allowed
    items = ((block, top.threshold) for block in candidates.space.blocks(work.block_size))
    candidates.block_features  # noqa: B018  # worked out before the threads ask for it together
    with threadpool_limits(1):
        for index, value, own in map_blocks(lambda item: work.block_numbers(*item), items, workers):
            counts = counts + own
            top.offer(value, index)
            if progress is not None:
                progress(counts.scored, max(total, counts.scored), "compounds scored")
    return (*top.result(), counts)


#: Tasks that a pass is cut into, for each thread of the cluster, and how many of them a thread has ahead.
_TASKS, _AHEAD = 8, 2


def stream_on(client: Any, work: Pass, progress: Progress | None = None) -> Found:
    """As `stream`, on the workers of a `distributed.Client`: indices and values, each (k,). Bounds depend on its
    threads. A `RankingError` if the client has no workers, or loses its scheduler."""
    threads = sum(client.nthreads().values())
    if not threads:
        raise RankingError("the Dask client has no workers; start some, or rank without a client")
    top, counts = TopK(work.keep), Counts()
    total = work.candidates.n_allowed
    size = max(1, -(-len(work.candidates.space) // (work.block_size * _TASKS * threads)))
    flying, starts = deque[Any](), count(0, size)
    try:
        job = client.scatter(work, broadcast=True, hash=False)

        def submit(threshold: float) -> Any:
            first = next(starts)
            return client.submit(Pass.run, job, first, first + size, threshold, pure=False)

        flying.extend(submit(top.threshold) for _ in range(_AHEAD * threads))
        while flying:
            index, value, own = flying.popleft().result()
            if not own.scored:
                break
            counts = counts + own
            top.offer(value, index)
            if progress is not None:
                progress(counts.scored, max(total, counts.scored), "compounds scored")
            flying.append(submit(top.threshold))
    except (CancelledError, OSError) as error:
        raise RankingError(f"the Dask cluster is gone in the middle of the pass: {error}; rank again") from error
    finally:
        client.cancel(list(flying))
    return (*top.result(), counts)
