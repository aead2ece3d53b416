"""The same pass on a Dask cluster: runs of blocks are tasks, their best compounds come back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

from chemspace.progress import Progress
from screening.errors import RankingError
from screening.ranking.stream import Counts, Found, Pass, TopK

#: Tasks that a pass is cut into, for each thread of the cluster, and how many of them a thread has ahead.
_TASKS, _AHEAD = 8, 2


def stream_on(client: Any, work: Pass, progress: Progress | None = None) -> Found:
    """As `screening.ranking.stream.stream`, on the workers of a `distributed.Client`: indices and values, each (k,).

    A task that dies with its worker is given to another one by Dask. The list is that of the local pass; how many
    compounds their bound leaves out depends on how many threads the cluster has.

    Raises:
        RankingError: if the client has no workers, or loses its scheduler.
    """
    threads = sum(client.nthreads().values())
    if not threads:
        raise RankingError("the Dask client has no workers; start some, or rank without a client")
    top, counts = TopK(work.keep), Counts()
    total = work.candidates.n_allowed
    size = max(1, -(-len(work.candidates.space) // (work.block_size * _TASKS * threads)))
    flying: deque[Any] = deque()
    try:
        submit = _submitter(client, client.scatter(work, broadcast=True, hash=False), size)
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


def _submitter(client: Any, job: Any, size: int) -> Callable[[float], Any]:
    """A function that submits the next run of `size` blocks."""
    first = 0

    def submit(threshold: float) -> Any:
        nonlocal first
        future = client.submit(Pass.run, job, first, first + size, threshold, pure=False)
        first += size
        return future

    return submit
