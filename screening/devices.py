"""Where tensor programs run, the processor or a CUDA device that torch sees, on how many threads, from which seed."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from numbers import Integral
from typing import TypeVar

from screening.errors import DeviceError, ScreeningError

__all__ = ["one_thread", "usable_device"]


def check_seed(seed: object, error: type[ScreeningError]) -> int:
    """A seed as a number; an error of the type given (a `ScreeningError`) for no whole number of 0 or more."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise error(f"seed is {seed!r}: a whole number of 0 or more")
    return int(seed)


def usable_device(device: str) -> str:
    """The device's name as it was given ("cpu", "cuda", "cuda:1" for the second card), if torch can compute there.
    Raises DeviceError for any other name, and for a CUDA device where torch sees none of that number."""
    if device == "cpu":
        return device
    kind, colon, number = device.partition(":")
    if kind != "cuda" or (colon and not number.isdecimal()):
        raise DeviceError(f"device {device!r} is not known; it is 'cpu', 'cuda' or, of several cards, 'cuda:1'")
    import torch  # a process that stays on the processor may not need it here

    if not torch.cuda.is_available():
        raise DeviceError(
            f"device {device!r} is not there: torch {torch.__version__} sees no CUDA device; use 'cpu', or a torch "
            "that is built for CUDA on a machine with an NVIDIA card and its driver"
        )
    count = torch.cuda.device_count()
    if number and int(number) >= count:
        raise DeviceError(f"device {device!r} is not there: torch sees {count}, the last is 'cuda:{count - 1}'")
    return device


_lock = threading.Lock()
_inside = 0
_before = 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Run a block on one thread of torch and give the caller's number back after it.

    Batches of 50 x 50 matrices invert four times slower on two threads of a free machine than on one, and 300 times
    slower when another process wants the second core; sums split over threads also round differently. Blocks may
    nest and overlap: the last one out restores.
    """
    global _inside, _before
    import torch

    with _lock:
        if _inside == 0:
            _before = torch.get_num_threads()
            torch.set_num_threads(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                torch.set_num_threads(_before)


Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


#: Threads that train side by side: their programs are of small tensors, whose Python runs in one thread at a time.
MOST_TRAINING = 2


def training_threads(device: str) -> int:
    """Threads for the parts of a fit: on the processor one a core, at most `MOST_TRAINING`; one for another device."""
    return min(cores(), MOST_TRAINING) if device == "cpu" else 1


def map_blocks(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Results of `function` in the items' order, at most two items a worker in flight; errors at their turn."""
    if workers <= 1:
        yield from map(function, items)
        return
    source = iter(items)
    with ThreadPoolExecutor(workers, thread_name_prefix="blocks") as pool:
        flying: deque[Future[Result]] = deque(pool.submit(function, item) for item in islice(source, 2 * workers))
        try:
            while flying:
                yield flying.popleft().result()
                flying.extend(pool.submit(function, item) for item in islice(source, 1))
        finally:
            for future in flying:
                future.cancel()
