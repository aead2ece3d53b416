"""The engine of campaigns on any table: its columns scaled, its networks and processes fitted once, no fold apart.

Shapes: m candidates, k observations, d descriptors, c of them that vary.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from screening.calibration import fit_scale
from screening.strategies.acquisitions import gaussian_moments, log_expected_improvement, log_gain

if TYPE_CHECKING:
    from screening.ranking.bounds import PredictionBounds
    from screening.surrogates.model import MixtureModel

Array = NDArray[np.float64]

#: Rows that the distribution of a column is read from, and points kept of it.
_SAMPLE, _KNOTS = 20_000, 513
#: Even steps of a table of quantiles.
_STEPS = 4096


@dataclass(frozen=True)
class InputScale:
    """Maps each descriptor half-way between its position and its quantile in the pool, about 0 and with unit variance
    where it is spread evenly.

    The position keeps gaps and trends; the quantile spreads out what a few extreme candidates squeeze together. Columns
    beside each other that are one-hot (0 or 1, one 1 in every row) are one category: any two of its values are as far
    apart as the ends of a number.
    """

    kept: NDArray[np.int64]  #: columns that vary, shape (c,)
    #: `low`, `span`: of the kept columns, shape (c,).
    low: Array
    span: Array
    #: `knots`, `quantiles`: per kept column, values and their mid-quantiles; empty for one-hot columns.
    knots: tuple[Array, ...]
    quantiles: tuple[Array, ...]

    def __call__(self, x: Array, roughly: bool = False) -> Array:
        """Scaled rows, shape (m, c); `roughly` to 0.001 of their range, where a table of even steps serves."""
        scaled: Array = (x[:, self.kept] - self.low) / self.span
        for place, column in enumerate(self.kept):
            own = scaled[:, place]
            if not len(self.knots[place]):
                own *= sqrt(0.5)
                continue
            if roughly and len(steps := self._steps[place]):
                own += steps[(own * _STEPS).astype(np.int32)]
            else:
                own += np.interp(x[:, column], self.knots[place], self.quantiles[place])
            own *= 0.5
        scaled -= 0.5
        scaled *= sqrt(12.0)
        return scaled

    @cached_property
    def _steps(self) -> tuple[Array, ...]:
        """Quantiles at even steps of each kept column, (steps + 1,); empty where they change too much in one."""
        tables = []
        for low, span, knots, quantiles in zip(self.low, self.span, self.knots, self.quantiles, strict=True):
            table = np.interp(low + span * (np.arange(_STEPS + 1) + 0.5) / _STEPS, knots, quantiles)
            apart = table[((knots - low) / span * _STEPS).astype(np.int32)] - quantiles
            tables.append(table if np.abs(apart).max(initial=0.0) < 1.0e-3 else table[:0])
        return tuple(tables)


def fit_input_scale(pool: Array, observed: Array) -> InputScale:
    """Scale of a pool (m, d), of every n-th row, with observations (k, d); what does not vary is dropped."""
    low = np.minimum(pool.min(axis=0), observed.min(axis=0)) if len(observed) else pool.min(axis=0)
    high = np.maximum(pool.max(axis=0), observed.max(axis=0)) if len(observed) else pool.max(axis=0)
    kept = np.flatnonzero(high > low)
    sample = np.vstack([pool[:: max(1, len(pool) // _SAMPLE)], observed])
    groups = _descriptors(pool, observed, kept, (low[kept] == 0.0) & (high[kept] == 1.0))
    one_hot = np.bincount(groups, minlength=1)[groups] > 1
    nothing = np.empty(0)
    pairs = [
        (nothing, nothing) if alike else _mid_quantiles(sample[:, column])
        for column, alike in zip(kept, one_hot, strict=True)
    ]
    knots, quantiles = tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
    return InputScale(kept, low[kept], (high - low)[kept], knots, quantiles)


def _descriptors(
    pool: Array, observed: Array, kept: NDArray[np.int64], from_0_to_1: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The descriptor each kept column belongs to, shape (c,): columns beside each other that are one-hot are one."""
    groups = np.arange(len(kept))
    block: list[int] = []
    total = np.zeros(len(pool) + len(observed))
    for place, column in enumerate(kept):
        values = np.concatenate([pool[:, column], observed[:, column]]) if from_0_to_1[place] else total
        if not from_0_to_1[place] or not ((values == 0.0) | (values == 1.0)).all():
            block = []
            continue
        total = total + values if block and column == kept[block[-1]] + 1 else values
        if total.max() > 1.0:
            total, block = values, []
        elif total is values:
            block = []
        block.append(place)
        if len(block) > 1 and total.min() == 1.0:
            groups[block] = block[0]
            block = []
    result: NDArray[np.int64] = np.unique(groups, return_inverse=True)[1]
    return result


@dataclass(frozen=True)
class TargetScale:
    """Results to standard units and back: `centre` and `unit`.

    A constant target keeps its units: there is nothing to learn from it yet, and nothing breaks.
    """

    centre: float
    unit: float

    @classmethod
    def of(cls, y: Array) -> TargetScale:
        """The scale of results, shape (k,); of very large ones too."""
        size = max(float(np.abs(y).max(initial=0.0)), 1.0)
        spread = size * float((y / size).std(ddof=1)) if len(y) > 1 else 0.0
        return cls(size * float((y / size).mean()), spread if spread > 0.0 else 1.0)

    def standard(self, y: Array) -> Array:
        """Results in standard units, same shape."""
        result: Array = y / self.unit - self.centre / self.unit
        return result

    def variance(self, noise: Array) -> Array:
        """Variance of known noise in standard units, same shape."""
        result: Array = (noise / self.unit) ** 2
        return result

    def original(self, mean: Array) -> Array:
        """Means in the target's unit, same shape."""
        result: Array = self.centre + self.unit * mean
        return result


#: Values that differ by less than this share of what most of their column spans are ties: files round.
_TIED = 1.0e-9


def _mid_quantiles(column: Array) -> tuple[Array, Array]:
    """Values of a column, ascending, and the share of it below each, half of the ties counted."""
    values, counts = np.unique(column, return_counts=True)
    span = np.ptp(np.quantile(column, [0.05, 0.95])) or np.ptp(values)
    first = np.flatnonzero(np.diff(values, prepend=-np.inf) > _TIED * span)
    values, counts = values[first], np.add.reduceat(counts, first)
    middle = (np.cumsum(counts) - 0.5 * counts) / counts.sum()
    if len(values) > _KNOTS:
        chosen = np.unique(np.linspace(0, len(values) - 1, _KNOTS).astype(np.int64))
        values, middle = values[chosen], middle[chosen]
    return values, middle


#: Distinct results from which on their errors say how wide an interval must be.
FEWEST = 10
#: Of more results than this a part is learnt from: the best, and a random sample of the others.
_ROWS, _BEST_ROWS = 1000, 250
#: Rows whose credit processes and networks start with. Beside few results the networks' spread is twice the processes'
#: and half again their own errors, and a search that it leads tries what is odd: with even credit its first two batches
#: were the worse for it (docs/decisions.md, "Ten public tables"). Campaigns start with 20 rows for each.
_PRIOR_ROWS = (3.2, 0.8)
#: Rows predicted at once (fits the cache).
_CHUNK = 1024
#: Seed of the networks' draw, the same for every batch of a table.
_SEED = 42


@dataclass(frozen=True)
class TableModel:
    """Networks and processes fitted to results in standard units."""

    model: MixtureModel  #: one BoTorch model at scaled rows (c), its standard deviations recalibrated
    processes: PredictionBounds  #: its processes alone, quick and never too sure, for a first look at a large pool
    best: float  #: the lowest result, or the lowest smoothed one where errors are stated
    #: Factor on standard deviations by the errors of results left out; None for fewer than `FEWEST` results, or all the
    #: same.
    calibration: float | None

    @property
    def noise(self) -> float:
        """Variance of a result beyond what the columns explain."""
        return float(self.model.unexplained_variance())

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance of what the columns explain at scaled rows (m, c), shapes (m,)."""
        import torch

        with torch.no_grad():
            pairs = [self.model.marginal(rows) for rows in torch.split(torch.from_numpy(x), _CHUNK)]
        mean, variance = (np.concatenate([part.numpy() for part in parts]) for parts in zip(*pairs, strict=True))
        return mean, variance

    def log_improvement(self, x: Array) -> Array:
        """log of the expected improvement at scaled rows (m, c), shape (m,)."""
        mean, variance = self.predict(x)
        return log_expected_improvement(mean, np.sqrt(variance), self.best)

    def log_gain(self, x: Array, points: Array, seed: int) -> Array:
        """log of what each adds to the points awaited (p, c), shape (m,); see `screening.strategies`."""
        if not len(points):
            return self.log_improvement(x)
        mean, variance, *awaited = gaussian_moments(self.model, x, points)
        return log_gain(mean, variance, self.best, (*awaited,), seed)

    def first_look(self, x: Array) -> Array:
        """log expected improvement of scaled rows (m, c) by the processes alone, from above, shape (m,)."""
        return log_expected_improvement(*self.processes.mean_and_sd(x), self.best)


def fit_table_model(x: Array, y: Array, noise_variance: Array, repeats: NDArray[np.int64] | None = None) -> TableModel:
    """Fit to scaled rows x (k, c) and standardised results y (k,) of known noise variance (k,); results of one number
    in `repeats` (k,) are of the same candidate, and left out together."""
    import torch  # a CPU second that a table without results does not take

    from screening.ranking.bounds import PredictionBounds
    from screening.surrogates import TrainingRows
    from screening.surrogates.mixture import NETWORKS, NETWORKS_PROCESSES
    from screening.surrogates.model import MixtureModel, ProcessComponent
    from screening.surrogates.observations import Folds, plain_sites

    rows, judged = _taken(y)
    x, y, noise_variance = x[rows], y[rows], noise_variance[rows]
    same = np.arange(len(y)) if repeats is None else pd.factorize(repeats[rows])[0]
    nothing = np.zeros(len(y), dtype=np.int64)
    training = TrainingRows(x, y, noise_variance, same, nothing.astype(np.bool_), same, nothing)
    folds = Folds.of(training, training.full_mask())
    # the scale is the pool's: a few results say little about what a column spans
    centre = folds.scaling.x_mean
    own = replace(folds.scaling, x_mean=torch.zeros_like(centre), x_sd=torch.ones_like(centre))
    folds = replace(folds, scaling=own)
    # networks see a stated error as the anchors' noise made larger
    sites = replace(plain_sites(folds), weights=NETWORKS.noise / (NETWORKS.noise + folds.noise))
    fits = replace(NETWORKS_PROCESSES, prior_rows=_PRIOR_ROWS).fit_folds(folds, _SEED, sites)
    calibration = None
    if len(np.unique(same[judged])) >= FEWEST and np.ptp(y) > 0.0:
        (mean,), (variance,) = fits.predict_left_out()
        calibration = fit_scale((y - mean)[judged], np.sqrt(variance)[judged])
    model = fits.model(0, 0.0, 1.0 if calibration is None else calibration).eval()
    processes = [ProcessComponent.of(process, 0) for process in fits.processes]
    shares = model.weights[: len(processes)] / model.weights[: len(processes)].sum()
    quick = PredictionBounds.of(MixtureModel(processes, shares, own.fold(0), 0.0, model.calibration))
    assert quick is not None  # of processes it has bounds
    found = TableModel(model, quick, float(y.min()), calibration)
    # a result with a stated error is not taken at its word: count from the best smoothed result instead
    return replace(found, best=float(found.predict(x)[0].min())) if noise_variance.any() else found


def _taken(y: Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Rows that are learnt from, in a random order where they are a part, and which of them are a fair sample."""
    k = len(y)
    if k <= _ROWS:
        return np.arange(k), np.ones(k, dtype=bool)
    sample = np.random.default_rng(0).permutation(k)[: _ROWS - _BEST_ROWS]
    best = np.setdiff1d(np.argsort(y, kind="stable"), sample, assume_unique=True)[:_BEST_ROWS]
    return np.concatenate([sample, best]), np.arange(_ROWS) < len(sample)
