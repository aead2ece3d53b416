"""One streamed pass over a space, here or on a Dask cluster: score a block, keep the best, forget the rest."""

from __future__ import annotations

import copy
from collections import deque
from concurrent.futures import CancelledError
from dataclasses import astuple, dataclass
from itertools import count, islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from chemspace.progress import Progress
from chemspace.space import SpaceBlock
from screening.devices import map_blocks, one_thread, usable_device
from screening.errors import RankingError
from screening.ranking.candidates import Candidates, subset
from screening.strategies.strategy import Numbers, Predictor

if TYPE_CHECKING:
    from screening.ranking.bounds import PredictionBounds

__all__ = ["TopK"]

Array = NDArray[np.float64]
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
