"""Where tensor programs run, the processor or a CUDA device that torch sees, on how many threads, from which seed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral

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
