"""The same pass on a Dask cluster: runs of blocks are tasks, their best compounds come back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from chemspace.progress import Progress
from screening.errors import RankingError
from screening.ranking.stream import Counts, Predictor, Scoring, TopK

if TYPE_CHECKING:
    from screening.ranking.bounds import PredictionBounds


Array = NDArray[np.float64]
#: Tasks that a pass is cut into, for each thread of the cluster, and how many of them a thread has ahead.
_TASKS, _AHEAD = 8, 2


@dataclass(frozen=True)
class _Job:
    """What every task of one pass needs; sent to each worker once."""

    scoring: Scoring
    predictor: Predictor
    bounds: PredictionBounds | None
    keep: int
    block_size: int

    def run(self, first: int, last: int, threshold: float) -> tuple[NDArray[np.int64], Array, Counts]:
        """Best compounds of the blocks from `first` to before `last`, above a threshold, and the counts."""
        top, counts = TopK(self.keep), Counts()
        with threadpool_limits(1):
            for block in islice(self.scoring.space.blocks(self.block_size), first, last):
                least = max(threshold, top.threshold)
                index, value, own = self.scoring.block_numbers(self.predictor, self.bounds, (block, least))
                top.offer(value, index)
                counts = counts + own
        return (*top.result(), counts)


def stream_on(
    client: Any,
    scoring: Scoring,
    predictor: Predictor,
    bounds: PredictionBounds | None,
    keep: int,
    block_size: int,
    progress: Progress | None = None,
) -> tuple[NDArray[np.int64], Array, Counts]:
    """As `screening.ranking.stream.stream`, on the workers of a `distributed.Client`: indices and values, each (k,).

    A task that dies with its worker is given to another one by Dask. The list is that of the local pass; how many
    compounds their bound leaves out depends on how many threads the cluster has.

    Raises:
        RankingError: if the client has no workers, or loses its scheduler.
    """
    threads = sum(client.nthreads().values())
    if not threads:
        raise RankingError("the Dask client has no workers; start some, or rank without a client")
    top, counts = TopK(keep), Counts()
    size = max(1, -(-len(scoring.space) // (block_size * _TASKS * threads)))
    flying: deque[Any] = deque()
    try:
        job = client.scatter(_Job(scoring, predictor, bounds, keep, block_size), broadcast=True, hash=False)
        submit = _submitter(client, job, size)
        flying.extend(submit(top.threshold) for _ in range(_AHEAD * threads))
        while flying:
            index, value, own = flying.popleft().result()
            if not own.scored:
                break
            counts = counts + own
            top.offer(value, index)
            if progress is not None:
                progress(counts.scored, max(scoring.n_allowed, counts.scored), "compounds scored")
            flying.append(submit(top.threshold))
    except (CancelledError, OSError) as error:
        raise RankingError(f"the Dask cluster is gone in the middle of the pass: {error}; rank again") from error
    finally:
        client.cancel(list(flying))
    return (*top.result(), counts)


def _submitter(client: Any, job: Any, size: int) -> Callable[[float], Any]:
    """A function that submits the next run of `size` blocks."""
    first = 0

    def submit(threshold: float) -> Any:
        nonlocal first
        future = client.submit(_Job.run, job, first, first + size, threshold, pure=False)
        first += size
        return future

    return submit
