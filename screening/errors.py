"""Errors of the floor: data, surrogates, pools, rankings, batches, feasibility and replayed campaigns."""

from __future__ import annotations

from chemspace.errors import SpinscreenError

__all__ = ["BatchError", "DeviceError", "FeasibilityError", "NothingLeftError", "RankingError"]


class ScreeningError(SpinscreenError):
    """Anything that this floor refuses."""


class DatasetError(ScreeningError):
    """A table of measurements that cannot be read: column missing, unit or value impossible."""


class TrainingDataError(ScreeningError):
    """Descriptors, targets or errors that no surrogate can be trained on (NaN, shapes, too few rows)."""


class SurrogateError(ScreeningError):
    """A surrogate that cannot be fitted or asked as requested."""


class UnknownSurrogateError(SurrogateError):
    """A surrogate name that is not in the registry; the message lists the names that are."""


class RankingError(ScreeningError):
    """A ranking that cannot be made: tables that do not fit the space, a model that predicts no numbers."""


class NothingLeftError(RankingError):
    """Every candidate is measured, pending, excluded or without descriptors; `is_used_up` where none is without."""

    def __init__(self, message: str, *, is_used_up: bool = False) -> None:
        """Say why; `is_used_up`: whether every candidate is measured, pending or excluded."""
        super().__init__(message)
        self.is_used_up = is_used_up


class DeviceError(SurrogateError, RankingError):
    """A device to fit or to rank on that is not there, or on which nothing of the surrogate could run."""


class BatchError(ScreeningError):
    """A batch that cannot be chosen: more compounds asked for than the caps and limits leave; `n_fit` do, where that is
    the reason."""

    n_fit: int | None = None


class PoolError(ScreeningError):
    """A pool of candidates or its observations that cannot be used; the message names the argument, row or column."""


class PoolWarning(UserWarning):
    """Results of a pool that were not taken at their word."""


class FeasibilityError(ScreeningError):
    """An outcome, a rule or a training table that the feasibility model cannot use."""


class BacktestError(ScreeningError):
    """A finished table or a strategy that cannot be replayed as a campaign."""
