"""Errors of the decisions: pools, rankings, batches, feasibility and replayed campaigns that cannot be."""

from __future__ import annotations

from numbers import Integral

from screening.errors import ScreeningError

__all__ = [
    "BacktestError",
    "BatchError",
    "FeasibilityError",
    "NothingLeftError",
    "PoolError",
    "RankingError",
    "check_seed",
]


class RankingError(ScreeningError):
    """A ranking that cannot be made: tables that do not fit the space, a model that predicts no numbers."""


class NothingLeftError(RankingError):
    """Every candidate is measured, pending, excluded or without descriptors."""


class BatchError(ScreeningError):
    """A batch that cannot be chosen: more compounds asked for than the caps and limits leave."""


class PoolError(ScreeningError):
    """A pool of candidates or its observations that cannot be used; the message names the argument, row or column."""


class FeasibilityError(ScreeningError):
    """An outcome, a rule or a training table that the feasibility model cannot use."""


class BacktestError(ScreeningError):
    """A finished table or a strategy that cannot be replayed as a campaign."""


def check_seed(seed: object, error: type[ScreeningError]) -> int:
    """A seed as a number.

    Raises:
        ScreeningError: of the type given, for anything but a whole number of 0 or more; no seed at all would give
            another answer each time.
    """
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise error(f"seed is {seed!r}: a whole number of 0 or more")
    return int(seed)
