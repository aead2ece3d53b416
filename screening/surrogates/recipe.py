"""What every surrogate is made of: rows to learn from, a recipe that fits folds of them, and the fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from screening.errors import TrainingDataError

if TYPE_CHECKING:
    from botorch.models.model import Model

__all__ = ["MIN_ROWS", "Recipe"]


#: The surrogate of a campaign that names none.
DEFAULT_SURROGATE = "networks_ranked_processes"
#: Fewer rows leave nothing to standardise by and nothing to hold out.
MIN_ROWS = 3


@dataclass(frozen=True)
class TrainingRows:
    """Rows to learn from, checked; k observations, d features. `TrainingRows.of` makes them of plain arrays.

    Attributes:
        x: features, shape (k, d).
        y: targets, log10 of the rate in 1/ps, shape (k,).
        noise_variance: variance of each target's measurement error, shape (k,).
        groups: integer code of the group (spacer) of each row, shape (k,).
        censored: rows whose target is only a lower bound (the lifetime was an upper bound), shape (k,).
        compounds: integer code of the compound of each row, shape (k,): replicates share one.
        tasks: 0 for the rows of the task that is predicted, 1, 2, ... for those of related ones, shape (k,).

    Example:
        >>> from screening import TrainingRows
        >>> rows = TrainingRows.of([[0.1], [0.5], [0.9]], [0.0, 0.4, 1.0], groups=["PEA", "PEA", "BA"])
        >>> rows.n_rows, rows.groups.tolist()
        (3, [0, 0, 1])
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    noise_variance: NDArray[np.float64]
    groups: NDArray[np.int64]
    censored: NDArray[np.bool_]
    compounds: NDArray[np.int64]
    tasks: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        x: ArrayLike,
        y: ArrayLike,
        noise: ArrayLike | None = None,
        groups: Sequence[object] | None = None,
        *,
        censored: ArrayLike | None = None,
        compounds: Sequence[object] | None = None,
        missing: str = "refuse",
    ) -> TrainingRows:
        """Check arrays and bind them.

        Args:
            x: features, shape (k, d).
            y: log10 rate, shape (k,).
            noise: standard deviation of each target in log10, shape (k,); None for zero (the surrogate then learns
                one noise level for all rows).
            groups: any hashable label a row, length k; None puts every row into a group of its own.
            censored: true where y is only a lower bound of log10 rate, shape (k,); None where every row is a
                measurement.
            compounds: any hashable label a row, length k; None makes every row a compound of its own.
            missing: "refuse" raises on NaN features; "impute" lets them pass to surrogates that take the mean of each
                fold's training rows in their place (the mixtures, not the baselines).

        Raises:
            TrainingDataError: on shapes that do not fit, NaN or infinite numbers (row and column are named), negative
                errors, or fewer than `MIN_ROWS` measured rows.
        """
        features, target = np.array(x, dtype=np.float64), np.array(y, dtype=np.float64)
        if features.ndim != 2 or features.shape[1] == 0 or target.shape != (features.shape[0],):
            raise TrainingDataError(
                f"x has shape {features.shape} and y {target.shape}; (k, d) with d >= 1 and (k,) are needed"
            )
        bounds = np.zeros(target.shape, dtype=bool) if censored is None else np.asarray(censored)
        if bounds.shape != target.shape or bounds.dtype != np.bool_:
            raise TrainingDataError(
                f"censored has shape {bounds.shape} and type {bounds.dtype}; one bool a row is needed"
            )
        if (~bounds).sum() < MIN_ROWS:
            also = f" beside {bounds.sum()} bounds" if bounds.any() else ""
            raise TrainingDataError(f"{(~bounds).sum()} rows to learn from{also}; at least {MIN_ROWS} are needed")
        if missing not in ("refuse", "impute"):
            raise TrainingDataError(f"missing is {missing!r}; it is refuse or impute")
        checked = np.nan_to_num(features, posinf=np.inf, neginf=-np.inf) if missing == "impute" else features
        _check_finite(checked, target)
        error = np.zeros_like(target) if noise is None else np.asarray(noise, dtype=np.float64)
        if error.shape != target.shape or not np.all(np.isfinite(error)) or np.any(error < 0.0):
            raise TrainingDataError(
                "noise must hold one finite standard deviation >= 0 (log10 units) a row; pass None where it is unknown"
            )
        codes = [_codes(labels, target.size) for labels in (groups, compounds)]
        return cls(features, target, error**2, codes[0], bounds, codes[1], np.zeros(target.size, dtype=np.int64))

    def of_tasks(self, tasks: ArrayLike) -> TrainingRows:
        """The rows, with their `tasks` (k,): 0 for the one that is predicted, 1, 2, ... for related ones. A
        TrainingDataError for another shape, negative numbers, or fewer than `MIN_ROWS` measured rows of task 0."""
        rows = replace(self, tasks=np.asarray(tasks, dtype=np.int64))
        if rows.tasks.shape != self.y.shape or np.any(rows.tasks < 0) or rows.measured.sum() < MIN_ROWS:
            raise TrainingDataError(
                f"tasks has shape {rows.tasks.shape}; one number a row is needed, 0 for {MIN_ROWS} measured ones"
            )
        return rows

    @property
    def n_rows(self) -> int:
        """Number of observations k."""
        return int(self.y.size)

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Rows of the predicted task that are measurements, not bounds, shape (k,)."""
        measured: NDArray[np.bool_] = ~self.censored & (self.tasks == 0)
        return measured

    def part(self, rows: NDArray[np.int64]) -> TrainingRows:
        """Some of the rows, given by their numbers, shape (r,)."""
        return TrainingRows(*(getattr(self, field.name)[rows] for field in fields(self)))

    def full_mask(self) -> NDArray[np.bool_]:
        """The one fold that trains on every row, shape (1, k)."""
        return np.ones((1, self.n_rows), dtype=bool)


def _check_finite(x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    bad = np.argwhere(~np.isfinite(x))
    if bad.size:
        row, column = (int(i) for i in bad[0])
        raise TrainingDataError(
            f"feature {column} of row {row} is {x[row, column]} ({len(bad)} such values); "
            "leave rows without descriptors out or impute them inside the fold"
        )
    if not np.all(np.isfinite(y)):
        row = int(np.flatnonzero(~np.isfinite(y))[0])
        raise TrainingDataError(f"target of row {row} is {y[row]}; log10 of a positive rate is needed")


def _codes(labels: Sequence[object] | None, k: int) -> NDArray[np.int64]:
    if labels is None:
        return np.arange(k, dtype=np.int64)
    if len(labels) != k:
        raise TrainingDataError(f"{len(labels)} group labels for {k} rows; one a row is needed")
    code = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    return np.array([code[label] for label in labels], dtype=np.int64)


class FoldFits(Protocol):
    """Fits of one recipe, one a fold."""

    def predict(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance, each (f, m), of a new compound's log10 rate at raw features x (m, d) by every fold; the
        variance holds what the features do not explain, not the error of a measurement."""

    def model(self, fold: int, noise_variance: float, calibration: float) -> Model:
        """BoTorch model of one fold, its variances scaled by the square of `calibration`."""

    def describe(self, fold: int) -> dict[str, Any]:
        """Weights and hyperparameters of one fold, for provenance; plain JSON values."""


class Recipe(Protocol):
    """A way of fitting, without data."""

    @property
    def name(self) -> str:
        """The name in tables, commands and provenance."""

    def fit(self, training: TrainingRows, mask: NDArray[np.bool_], seed: int) -> FoldFits:
        """Fit every fold; `mask` (f, k) says which rows train in each, `seed` is of every random draw."""


@runtime_checkable
class Movable(Protocol):
    """A recipe that may fit somewhere else than on the processor."""

    def on(self, device: str) -> Recipe | None:
        """The recipe fitted on that device; None if no part of it would be."""
