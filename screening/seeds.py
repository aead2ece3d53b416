"""Seeds that are numbers, so that every answer can be had again."""

from __future__ import annotations

from numbers import Integral

from screening.errors import ScreeningError


def check_seed(seed: object, error: type[ScreeningError]) -> int:
    """A seed as a number; an error of the type given (a `ScreeningError`) for no whole number of 0 or more."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise error(f"seed is {seed!r}: a whole number of 0 or more")
    return int(seed)
