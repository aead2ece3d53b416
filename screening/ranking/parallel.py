"""Blocks of a pass on several threads, a few ahead of the reader: NumPy and torch let go of the interpreter's lock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

__all__ = ["cores", "map_blocks"]

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
