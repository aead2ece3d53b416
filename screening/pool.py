"""Suggestions from any table of candidates: no chemistry, no campaign, plain arrays.

Its processes are written on NumPy and not on those of `screening.surrogates`: loading torch takes 1.1 CPU seconds, more
than a whole suggestion among 10^5 candidates may take (0.7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log, sqrt
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits

from screening.calibration import normal_half_width
from screening.errors import NothingLeftError, PoolError
from screening.ranking.stream import TopK
from screening.seeds import check_seed
from screening.strategies.acquisitions import log_expected_improvement, log_gain
from screening.strategies.columns import MeasuredSet

__all__ = ["score_table", "suggest_from_table"]


Array = NDArray[np.float64]


@dataclass(frozen=True)
class PoolProblem:
    """A checked problem.

    `pool` (m, d), `x` (k, d), `y` (k,) to be minimised, `noise` (k,) standard deviations (zeros where unknown),
    `pending` (p, d), `free` (m,) candidates that may be suggested.
    """

    pool: Array
    x: Array
    y: Array
    noise: Array
    pending: Array
    free: NDArray[np.bool_]


def check_pool(
    pool: ArrayLike,
    observed_x: ArrayLike,
    observed_y: ArrayLike,
    batch_size: int,
    minimize: bool,
    pending: ArrayLike | None,
    noise: ArrayLike | None,
) -> PoolProblem:
    """Check the arguments of `suggest_from_pool` and put them in one form.

    Raises:
        PoolError: for shapes that do not fit, values that are no numbers, pending entries outside the pool.
        NothingLeftError: if the pool is empty or everything in it is measured or pending.
    """
    table = _numbers("pool", pool, 2)
    if not table.size:
        raise NothingLeftError("the pool is empty: give at least one row of at least one descriptor")
    d = table.shape[1]
    x = _numbers("observed_x", observed_x, 2) if np.size(observed_x) else np.empty((0, d))
    if x.shape[1] != d:
        raise PoolError(f"observed_x has {x.shape[1]} columns, the pool {d}: the same descriptors in the same order")
    y = _numbers("observed_y", observed_y, 1) if np.size(observed_y) else np.empty(0)
    if len(y) != len(x):
        raise PoolError(f"observed_y has {len(y)} values for {len(x)} rows of observed_x: one value a row")
    if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise PoolError(f"batch_size is {batch_size!r}: a whole number of 1 or more")
    points, rows = _pending(pending, table)
    free = np.ones(len(table), dtype=bool)
    free[rows] = False
    free &= ~_among(table, np.vstack([x, points]))
    if not free.any():
        raise NothingLeftError(f"all {len(table)} candidates are measured or pending: nothing is left to suggest")
    if batch_size > free.sum():
        left = int(free.sum())
        raise PoolError(f"a batch of {batch_size} from {left} candidates that are neither measured nor pending")
    return PoolProblem(table, x, y if minimize else -y, _noise(noise, len(y)), points, free)


def _numbers(name: str, values: ArrayLike, dimensions: int) -> Array:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PoolError(f"{name} holds something that is no number ({error}): encode categories as numbers") from error
    if dimensions == 1 and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != dimensions:
        shape = "(rows, descriptors)" if dimensions == 2 else "(rows,)"
        raise PoolError(f"{name} has shape {array.shape}: {shape} is needed")
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))
        place = f"row {where[0][0]}" + (f", column {where[0][1]}" if dimensions == 2 else "")
        raise PoolError(
            f"{name} has {len(where)} entries that are NaN or infinite, the first in {place}: drop those rows or "
            "columns, or fill them with what you know"
        )
    return array


def _pending(pending: ArrayLike | None, pool: Array) -> tuple[Array, NDArray[np.int64]]:
    """Descriptors of what is pending and the pool rows among it; one-dimensional input is read as pool indices."""
    array = np.asarray([] if pending is None else pending)
    if not array.size:
        return np.empty((0, pool.shape[1])), np.empty(0, dtype=np.int64)
    if array.ndim == 1 and np.issubdtype(array.dtype, np.integer):
        outside = array[(array < 0) | (array >= len(pool))]
        if outside.size:
            raise PoolError(
                f"pending index {outside[0]} is outside the pool of {len(pool)} rows (0 to {len(pool) - 1})"
            )
        rows = np.unique(array).astype(np.int64)
        return pool[rows], rows
    points = _numbers("pending", array, 2)
    if points.shape[1] != pool.shape[1]:
        raise PoolError(f"pending has {points.shape[1]} columns, the pool {pool.shape[1]}; or give rows of the pool")
    return points, np.empty(0, dtype=np.int64)


def _noise(noise: Any, k: int) -> Array:
    if noise is None:
        return np.zeros(k)
    array = np.asarray(noise, dtype=np.float64)
    if array.ndim == 0:
        array = np.full(k, float(array))
    if array.shape != (k,) or not np.isfinite(array).all() or (array < 0.0).any():
        raise PoolError(f"noise: {k} standard deviations of 0 or more are needed, or one for all, not {array.shape}")
    return array


def _among(table: Array, rows: Array) -> NDArray[np.bool_]:
    """Which rows of the table (m, d) equal one of `rows` (k, d) in every number, shape (m,)."""
    found = np.zeros(len(table), dtype=bool)
    if not len(rows):
        return found
    # the first column sorts out almost every candidate before whole rows are compared
    suspects = np.flatnonzero(np.isin(table[:, 0], rows[:, 0]))
    known = {row.tobytes() for row in rows + 0.0}  # + 0.0 turns -0.0 into 0.0
    for row in suspects:
        found[row] = (table[row] + 0.0).tobytes() in known
    return found


#: Rows that the distribution of a column is read from, and points kept of it.
_SAMPLE, _KNOTS = 20_000, 513


@dataclass(frozen=True)
class InputScale:
    """Maps each descriptor to [0, 1] in two ways, side by side: its position, and half-way to its quantile.

    The position between the smallest and the largest value keeps gaps and trends; the mean of position and quantile in
    the pool spreads out what a few extreme candidates squeeze together. Neither was better on all development tables,
    so the committee has members of both kinds.

    Attributes:
        kept: columns that vary, shape (c,).
        low, span: of the kept columns, shape (c,).
        knots, quantiles: per kept column, values and their mid-quantiles.
    """

    kept: NDArray[np.int64]
    low: Array
    span: Array
    knots: tuple[Array, ...]
    quantiles: tuple[Array, ...]

    def __call__(self, x: Array) -> Array:
        """Scaled rows, shape (m, 2c): positions first, then the means of position and quantile."""
        c = len(self.kept)
        scaled = np.empty((len(x), 2 * c))
        scaled[:, :c] = (x[:, self.kept] - self.low) / self.span
        for place, column in enumerate(self.kept):
            quantile = np.interp(x[:, column], self.knots[place], self.quantiles[place])
            scaled[:, c + place] = 0.5 * (scaled[:, place] + quantile)
        return scaled


def fit_input_scale(pool: Array, observed: Array) -> InputScale:
    """Scale of a pool (m, d) together with its observations (k, d); columns that do not vary are dropped.

    The quantiles of a large pool are read from every n-th row, so that the scale is the same on every call.
    """
    low = np.minimum(pool.min(axis=0), observed.min(axis=0)) if len(observed) else pool.min(axis=0)
    high = np.maximum(pool.max(axis=0), observed.max(axis=0)) if len(observed) else pool.max(axis=0)
    kept = np.flatnonzero(high > low)
    sample = np.vstack([pool[:: max(1, len(pool) // _SAMPLE)], observed])
    pairs = [_mid_quantiles(sample[:, column]) for column in kept]
    knots, quantiles = tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
    return InputScale(kept, low[kept], (high - low)[kept], knots, quantiles)


def standardise_target(y: Array, noise: Array) -> tuple[Array, Array]:
    """Target in standard units and the variance of its known noise in the same units, both (k,).

    A constant target keeps its units: there is nothing to learn from it yet, and nothing breaks.
    """
    spread = float(y.std(ddof=1)) if len(y) > 1 else 0.0
    scale = spread if spread > 0.0 else 1.0
    return (y - y.mean()) / scale, (noise / scale) ** 2


def _mid_quantiles(column: Array) -> tuple[Array, Array]:
    """Values of a column, ascending, and the share of it below each, half of the ties counted."""
    values, counts = np.unique(column, return_counts=True)
    middle = (np.cumsum(counts) - 0.5 * counts) / counts.sum()
    if len(values) > _KNOTS:
        chosen = np.unique(np.linspace(0, len(values) - 1, _KNOTS).astype(np.int64))
        values, middle = values[chosen], middle[chosen]
    return values, middle


#: Kernels as functions of the squared scaled distance.
KERNELS = ("rbf", "matern52")
#: Log-normal prior of the noise variance, target in standard units: median e^-4 (BoTorch's default since 0.12).
_NOISE_CENTRE, _NOISE_SPREAD = -4.0, 1.0
#: Log-normal prior of a length scale, inputs in [0, 1]: median e^sqrt2 sqrt d (Hvarfner et al., ICML (2024),
#: arXiv 2402.02229, "Vanilla Bayesian optimization performs great in high dimensions").
_LENGTH_CENTRE, _LENGTH_SPREAD = sqrt(2.0), sqrt(3.0)
#: Normal prior of the logarithm of the linear part's variance.
_LINEAR_CENTRE, _LINEAR_SPREAD = -1.0, 1.5
_LENGTH_BOUNDS, _NOISE_BOUNDS, _LINEAR_BOUNDS = (log(0.025), log(1000.0)), (log(1.0e-4), log(2.0)), (-6.0, 4.0)
_JITTER = 1.0e-6
_SQRT5 = sqrt(5.0)


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted process; everything needed to predict.

    Attributes:
        kernel: one of `KERNELS`.
        x: observations, shape (k, d), inputs scaled to about [0, 1].
        length: length scales, shape (d,).
        linear: variance of the linear part.
        noise: learnt noise variance.
        mean: constant mean.
        root: lower Cholesky factor of the noisy covariance, shape (k, k).
        weights: inverse covariance times the centred target, shape (k,).
    """

    kernel: str
    x: Array
    length: Array
    linear: float
    noise: float
    mean: float
    root: Array
    weights: Array

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance of f + m at candidates (m, d), shapes (m,); float32 in gives float32 arithmetic."""
        cross = self.covariance(x, self.x.astype(x.dtype))
        mean = cross @ self.weights.astype(x.dtype) + x.dtype.type(self.mean)
        # overwrites `cross`, so the mean has to come first
        half = solve_triangular(self.root.astype(x.dtype), cross.T, lower=True, check_finite=False, overwrite_b=True)
        prior = x.dtype.type(1.0) + x.dtype.type(self.linear) * (_linear_inputs(x) ** 2).sum(axis=1)
        return mean, np.maximum(prior - np.einsum("km,km->m", half, half), 1.0e-10)

    def joint(self, x: Array, points: Array) -> tuple[Array, Array, Array]:
        """Mean (p,), covariance (p, p) of pending points and their covariance with candidates (m, p)."""
        left = solve_triangular(self.root, self.covariance(x, self.x).T, lower=True)
        cross = self.covariance(points, self.x)
        right = solve_triangular(self.root, cross.T, lower=True)
        mean = cross @ self.weights + self.mean
        return mean, self.covariance(points, points) - right.T @ right, self.covariance(x, points) - left.T @ right

    def covariance(self, left: Array, right: Array) -> Array:
        """Prior covariance, shape (m, k)."""
        scale = self.length.astype(left.dtype)
        trend = (left.dtype.type(self.linear) * _linear_inputs(left)) @ _linear_inputs(right).T
        left, right = left / scale, right / scale
        squared = left @ (right.T * left.dtype.type(-2.0))
        squared += (left**2).sum(axis=1)[:, None]
        squared += (right**2).sum(axis=1)[None, :]
        np.maximum(squared, 0.0, out=squared)
        trend += _kernel(self.kernel, squared)
        return trend


def fit_gaussian_process(
    kernel: str, x: Array, y: Array, fixed_noise: Array, shared_length: bool = False
) -> GaussianProcess:
    """Fit length scales and noise at their posterior mode (L-BFGS with the exact gradient).

    Args:
        kernel: one of `KERNELS`.
        x: observations, shape (k, d), inputs scaled to about [0, 1].
        y: target in standard units, shape (k,).
        fixed_noise: known variance of each target in the same units, shape (k,); zeros where unknown.
        shared_length: one length scale for all descriptors instead of one each.
    """
    squared = (x.T[:, :, None] - x.T[:, None, :]) ** 2
    if shared_length:
        squared = squared.sum(axis=0, keepdims=True)
    d = len(squared)
    centre = _LENGTH_CENTRE + 0.5 * log(x.shape[1])
    start = np.concatenate([np.full(d, centre - 1.0), [-3.0, _LINEAR_CENTRE]])
    bounds = [_LENGTH_BOUNDS] * d + [_NOISE_BOUNDS, _LINEAR_BOUNDS]
    z = _linear_inputs(x)
    found = minimize(
        _negative_log_posterior,
        start,
        args=(kernel, squared, z @ z.T, y, fixed_noise, centre),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 80},
    )
    length = np.exp(np.broadcast_to(found.x[:d], (x.shape[1],)) if shared_length else found.x[:d])
    linear, noise = float(np.exp(found.x[d + 1])), float(np.exp(found.x[d]))
    return _condition(kernel, x, y, fixed_noise, length, linear, noise)


def _condition(
    kernel: str, x: Array, y: Array, fixed_noise: Array, length: Array, linear: float, noise: float
) -> GaussianProcess:
    """The process of given hyperparameters."""
    bare = GaussianProcess(kernel, x, length, linear, noise, 0.0, np.empty(0), np.empty(0))
    covariance = bare.covariance(x, x) + np.diag(noise + _JITTER + fixed_noise)
    root = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    inverse: Array = cho_solve((root, True), np.eye(len(y)))
    ones = inverse.sum(axis=1)
    mean = float(ones @ y / ones.sum())
    weights: Array = inverse @ (y - mean)
    return GaussianProcess(kernel, x, np.asarray(length), linear, noise, mean, root, weights)


def _linear_inputs(x: Array) -> Array:
    """Inputs of the linear part, same shape as x: centre 0, unit variance for a uniform column, over sqrt d."""
    result: Array = (x - x.dtype.type(0.5)) * x.dtype.type(sqrt(12.0 / x.shape[1]))
    return result


def _kernel(name: str, squared: Array) -> Array:
    if name == "rbf":
        squared *= squared.dtype.type(-0.5)
        np.exp(squared, out=squared)
        return squared
    distance = np.sqrt(squared)
    polynomial = squared.dtype.type(5.0 / 3.0) * squared
    distance *= squared.dtype.type(_SQRT5)
    polynomial += distance
    polynomial += 1.0
    np.negative(distance, out=distance)
    np.exp(distance, out=distance)
    polynomial *= distance
    return polynomial


def _negative_log_posterior(
    theta: Array, kernel: str, squared: Array, trend: Array, y: Array, fixed_noise: Array, centre: float
) -> tuple[float, Array]:
    """Objective and gradient in log length scales, log noise, log linear variance; the mean is profiled out."""
    d, k = len(squared), len(y)
    inverse_length = np.exp(-2.0 * theta[:d])
    distance = np.tensordot(inverse_length, squared, 1)
    covariance, slope = _kernel_and_slope(kernel, distance)
    noise, linear = np.exp(theta[d]), np.exp(theta[d + 1])
    covariance += linear * trend
    covariance[np.diag_indices(k)] += noise + _JITTER + fixed_noise
    root = np.linalg.cholesky(covariance)
    inverse = cho_solve((root, True), np.eye(k))
    ones = inverse.sum(axis=1)
    centred = y - ones @ y / ones.sum()
    weights = inverse @ centred
    value = 0.5 * centred @ weights + np.log(np.diag(root)).sum()
    outer = inverse - np.outer(weights, weights)
    gradient = np.empty_like(theta)
    gradient[:d] = 0.5 * (squared.reshape(d, -1) @ (outer * slope).ravel()) * inverse_length
    gradient[d] = 0.5 * np.trace(outer) * noise
    gradient[d + 1] = 0.5 * (outer * trend).sum() * linear
    # log-normal priors, densities in the scales themselves as in BoTorch, but for the linear part
    centres = np.concatenate([np.full(d, centre), [_NOISE_CENTRE, _LINEAR_CENTRE]])
    spreads = np.concatenate([np.full(d, _LENGTH_SPREAD), [_NOISE_SPREAD, _LINEAR_SPREAD]])
    in_scale = np.append(np.ones(d + 1), 0.0)
    deviation = (theta - centres) / spreads
    return float(value + (0.5 * deviation**2 + in_scale * theta).sum()), gradient + deviation / spreads + in_scale


def _kernel_and_slope(name: str, squared: Array) -> tuple[Array, Array]:
    """Kernel and w where dk / dlog l_j = w (x_j - x'_j)^2 / l_j^2, both (k, k)."""
    if name == "rbf":
        value = np.exp(-0.5 * squared)
        return value.copy(), value
    distance = _SQRT5 * np.sqrt(squared)
    decay = np.exp(-distance)
    return (1.0 + distance + 5.0 / 3.0 * squared) * decay, 5.0 / 3.0 * (1.0 + distance) * decay


#: (kernel, one length scale for all descriptors, half of the scaled inputs: 0 positions, 1 half-way to quantiles).
_MEMBERS = (("rbf", False, 0), ("matern52", False, 1), ("rbf", True, 0), ("matern52", True, 1))


@dataclass(frozen=True)
class Member:
    """A process that sees one half of the scaled inputs (m, 2c)."""

    process: GaussianProcess
    half: int

    @property
    def noise(self) -> float:
        """Learnt noise variance, standard units."""
        return self.process.noise

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance at candidates (m, 2c), shapes (m,)."""
        return self.process.predict(_half(x, self.half))

    def joint(self, x: Array, points: Array) -> tuple[Array, Array, Array]:
        """Mean (p,), covariance (p, p) of pending points and their covariance with candidates (m, p)."""
        return self.process.joint(_half(x, self.half), _half(points, self.half))


@dataclass(frozen=True)
class Committee:
    """Fitted members and the lowest standardised target `best`."""

    members: tuple[Member, ...]
    best: float

    @property
    def noise(self) -> float:
        """Mean of the members' learnt noise variances, standard units."""
        return float(np.mean([member.noise for member in self.members]))

    def log_improvement(self, x: Array) -> Array:
        """log of the mixture's expected improvement at candidates (m, 2c), shape (m,)."""
        parts = []
        for member in self.members:
            mean, variance = member.predict(x)
            parts.append(
                log_expected_improvement(mean.astype(np.float64), np.sqrt(variance, dtype=np.float64), self.best)
            )
        return self._mix(parts)

    def log_gain(self, x: Array, points: Array, seed: int) -> Array:
        """log of what each candidate adds to the points awaited (p, 2c), shape (m,); see `screening.strategies`."""
        if not len(points):
            return self.log_improvement(x)
        parts = [log_gain(*member.predict(x), self.best, member.joint(x, points), seed) for member in self.members]
        return self._mix(parts)

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance of the mixture at candidates (m, 2c), shapes (m,)."""
        pairs = [member.predict(x) for member in self.members]
        means, variances = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
        mean = means.mean(axis=0)
        return mean, (variances + (means - mean) ** 2).mean(axis=0)

    def _mix(self, parts: list[Array]) -> Array:
        mixed: Array = logsumexp(np.array(parts), axis=0) - np.log(len(parts))
        return mixed


def fit_committee(x: Array, y: Array, noise_variance: Array) -> Committee:
    """Fit the members on scaled inputs (k, 2c) and standardised targets (k,)."""
    members = tuple(
        Member(fit_gaussian_process(kernel, _half(x, half), y, noise_variance, shared), half)
        for kernel, shared, half in _MEMBERS
    )
    committee = Committee(members, float(y.min()))
    if not noise_variance.any():
        return committee
    # a result with a stated error is not taken at its word: count from the best smoothed result instead
    return replace(committee, best=float(committee.predict(x)[0].min()))


def _half(x: Array, half: int) -> Array:
    c = x.shape[1] // 2
    return x[:, half * c : (half + 1) * c]


_BLOCK = 8192
#: Candidates that enter the exact choice: the best of the pass, and the best of a random sample in case the best of the
#: pass are all neighbours of one another.
_BEST, _SAMPLED, _SAMPLED_FROM = 1000, 250, 5000


def shortlist(
    committee: Committee, scale: InputScale, pool: Array, free: NDArray[np.bool_], seed: int
) -> NDArray[np.int64]:
    """Rows of the pool that deserve exact treatment, ascending; everything free where that is no more than 1,250.

    `pool` has shape (m, d), `free` shape (m,), what comes back shape (at most 1250,).
    """
    rows = np.flatnonzero(free)
    if len(rows) <= _BEST + _SAMPLED:
        return rows
    top = TopK(_BEST)
    sampled = np.zeros(len(pool), dtype=bool)
    sampled[np.random.default_rng(seed).choice(rows, size=min(_SAMPLED_FROM, len(rows)), replace=False)] = True
    spread = TopK(_SAMPLED)
    for start in range(0, len(pool), _BLOCK):
        index = np.arange(start, min(start + _BLOCK, len(pool)))
        index = index[free[index]]
        value = committee.log_improvement(scale(pool[index]).astype(np.float32))
        top.offer(value, index)
        some = sampled[index]
        spread.offer(value[some], index[some])
    return np.union1d(top.result()[0], spread.result()[0])


def choose_from_pool(
    committee: Committee, x: Array, awaited: Array, rows: NDArray[np.int64], q: int, seed: int
) -> NDArray[np.int64]:
    """q of the shortlisted rows one by one, each for its gain beyond everything awaited and chosen before.

    Args:
        x: scaled descriptors of the shortlist, shape (s, 2c).
        awaited: scaled descriptors of pending points, shape (p, 2c).
        rows: pool rows of the shortlist, shape (s,).
    """
    chosen: list[int] = []
    open_rows = np.ones(len(rows), dtype=bool)
    while len(chosen) < q:
        left = np.flatnonzero(open_rows)
        value = committee.log_gain(x[left], np.vstack([awaited, x[chosen]]), seed)
        pick = int(left[np.argmax(value)])
        chosen.append(pick)
        open_rows[pick] = False
        twins = left[(x[left] == x[pick]).all(axis=1)]
        if open_rows.sum() - len(twins) >= q - len(chosen):
            open_rows[twins] = False  # a twin teaches nothing more, unless twins are all that is left
    return rows[chosen]


def suggest_from_pool(  # noqa: PLR0913  # plain arrays in, as users of other optimisers hand them
    pool: ArrayLike,
    observed_x: ArrayLike,
    observed_y: ArrayLike,
    batch_size: int = 1,
    seed: int = 42,
    minimize: bool = True,
    pending: ArrayLike | None = None,
    noise: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Rows of a pool of candidates to measure next.

    Stateless: equal arguments give equal rows, no global random state is read or changed. Candidates equal to an
    observed or pending point are never suggested.

    Args:
        pool: descriptors of the candidates, shape (m, d).
        observed_x: descriptors of what has been measured, shape (k, d); need not lie in the pool; may be empty, then
            the rows returned spread over the pool.
        observed_y: results, shape (k,); replicates are separate rows.
        batch_size: rows to return, chosen together.
        seed: of ties and quasi-random samples.
        minimize: whether small results are good.
        pending: what is being measured now: row numbers of the pool, shape (p,), or descriptors, shape (p, d).
        noise: known standard deviation of each result, shape (k,), or one for all; noise beyond it is learnt.

    Returns:
        Row numbers, shape (batch_size,), in the order they were chosen.

    Raises:
        PoolError: for arrays that do not fit, NaN, a batch larger than what is left, pending rows outside the pool, a
            seed that is no whole number of 0 or more.
        NothingLeftError: if the pool is empty or all of it is measured or pending.

    Example:
        >>> import numpy as np
        >>> from screening import suggest_from_pool
        >>> pool = np.linspace(0.0, 1.0, 11)[:, None]
        >>> measured = np.array([0, 5, 10])
        >>> result = (pool[measured, 0] - 0.3) ** 2
        >>> suggest_from_pool(pool, pool[measured], result, batch_size=2).shape
        (2,)
    """
    seed = check_seed(seed, PoolError)
    problem = check_pool(pool, observed_x, observed_y, batch_size, minimize, pending, noise)
    scale = fit_input_scale(problem.pool, np.vstack([problem.x, problem.pending]))
    if not len(scale.kept):
        return np.random.default_rng(seed).permutation(np.flatnonzero(problem.free))[:batch_size]
    if not len(problem.y):
        return _spread(problem, scale, batch_size, seed)
    y, noise_variance = standardise_target(problem.y, problem.noise)
    # Many small matrices: a second BLAS thread makes 10^6 candidates cost six times the CPU seconds.
    with threadpool_limits(1):
        committee = fit_committee(scale(problem.x), y, noise_variance)
        rows = shortlist(committee, scale, problem.pool, problem.free, seed)
        return choose_from_pool(committee, scale(problem.pool[rows]), scale(problem.pending), rows, batch_size, seed)


def _spread(problem: PoolProblem, scale: InputScale, q: int, seed: int) -> NDArray[np.int64]:
    """Before the first result: a random candidate, then each time the one farthest from all taken (maximin).

    Source: Kennard and Stone, Technometrics 11, 137 (1969), doi 10.1080/00401706.1969.10490666.
    """
    rows = np.flatnonzero(problem.free)
    x = scale(problem.pool[rows])
    chosen: list[int] = []
    distance = np.full(len(rows), np.inf)
    for point in scale(problem.pending):
        distance = np.minimum(distance, ((x - point) ** 2).sum(axis=1))
    while len(chosen) < q:
        first = not chosen and not len(problem.pending)
        pick = int(np.random.default_rng(seed).integers(len(rows))) if first else int(np.argmax(distance))
        chosen.append(pick)
        distance = np.minimum(distance, ((x - x[pick]) ** 2).sum(axis=1))
        distance[chosen] = -1.0
    return rows[chosen]


#: Columns added to a candidate's row. `acquisition` is log expected improvement in units of the target's spread;
#: `low` and `high` bound the central 90% of a new measurement; `nearest_row` is a row number of the observed table.
POOL_COLUMNS = ("row", "mean", "sd", "low", "high", "acquisition", "nearest_row", "distance", "in_domain")
_FRAME_BLOCK = 65_536


def suggest_from_table(  # noqa: PLR0913  # plain arrays in, as users of other optimisers hand them
    pool: pd.DataFrame,
    observed: pd.DataFrame,
    target: str,
    batch_size: int = 5,
    *,
    minimize: bool = True,
    columns: Sequence[str] | None = None,
    noise: str | None = None,
    seed: int = 42,
) -> pd.DataFrame:
    """The next rows of a table of candidates, with `POOL_COLUMNS` before their own columns, in the order chosen.

    Args:
        pool: candidates, m rows. observed: measured rows with the same descriptor columns and the target.
        target: column of `observed` with the results. batch_size: rows to return.
        minimize: whether small results are good.
        columns: descriptors; by default the numeric columns that both tables have.
        noise: column of `observed` with standard deviations of the results.
        seed: as in `suggest_from_pool`.

    Raises:
        PoolError: for columns that are missing, and as `suggest_from_pool`. NothingLeftError: as there.
    """
    problem = _problem(pool, observed, target, batch_size, minimize, columns, noise)
    with threadpool_limits(1):
        committee, scale = _fit(problem)
        rows = shortlist(committee, scale, problem.pool, problem.free, seed)
        chosen = choose_from_pool(committee, scale(problem.pool[rows]), scale(problem.pending), rows, batch_size, seed)
        numbers = _predicted_numbers(problem, committee, scale, chosen, minimize)
    own = pool.iloc[chosen].reset_index(drop=True)
    return pd.concat([numbers.reset_index(drop=True), own.drop(columns=[c for c in POOL_COLUMNS if c in own])], axis=1)


def score_table(
    pool: pd.DataFrame,
    observed: pd.DataFrame,
    target: str,
    *,
    minimize: bool = True,
    columns: Sequence[str] | None = None,
    noise: str | None = None,
) -> pd.DataFrame:
    """`POOL_COLUMNS` for every candidate in the pool's order, measured ones included; arguments as above.

    Write it with `to_parquet`. Memory: nine numbers a candidate.
    """
    problem = _problem(pool, observed, target, 1, minimize, columns, noise)
    with threadpool_limits(1):
        committee, scale = _fit(problem)
        parts = [
            _predicted_numbers(
                problem, committee, scale, np.arange(start, min(start + _FRAME_BLOCK, len(pool))), minimize
            )
            for start in range(0, len(pool), _FRAME_BLOCK)
        ]
    return pd.concat(parts, ignore_index=True)


def _problem(
    pool: pd.DataFrame,
    observed: pd.DataFrame,
    target: str,
    batch_size: int,
    minimize: bool,
    columns: Sequence[str] | None,
    noise: str | None,
) -> PoolProblem:
    for name in [target] if noise is None else [target, noise]:
        if name not in observed.columns:
            raise PoolError(
                f"the observed table has no column {name!r}; it has {', '.join(map(str, observed.columns))}"
            )
    both = [str(name) for name in pool.select_dtypes("number").columns if name in observed.columns]
    names = [name for name in both if name not in {target, noise}] if columns is None else list(columns)
    absent = [name for name in names if name not in pool.columns or name not in observed.columns]
    if absent or not names:
        what = f"column {absent[0]!r} is not in both tables" if absent else "the tables share no numeric column"
        raise PoolError(f"{what}: the pool has {', '.join(map(str, pool.columns))}")
    if not len(observed):
        raise PoolError("the observed table has no rows: measure a few candidates first")
    errors = None if noise is None else observed[noise]
    return check_pool(pool[names], observed[names], observed[target], batch_size, minimize, None, errors)


def _fit(problem: PoolProblem) -> tuple[Committee, InputScale]:
    scale = fit_input_scale(problem.pool, problem.x)
    y, noise = standardise_target(problem.y, problem.noise)
    return fit_committee(scale(problem.x), y, noise), scale


def _predicted_numbers(
    problem: PoolProblem, committee: Committee, scale: InputScale, rows: NDArray[np.int64], minimize: bool
) -> pd.DataFrame:
    """The numbers of some candidates in the target's own unit."""
    x = scale(problem.pool[rows])
    mean, variance = committee.predict(x)
    spread = float(problem.y.std(ddof=1)) if len(problem.y) > 1 else 0.0
    unit = spread if spread > 0.0 else 1.0
    centre = problem.y.mean() + unit * mean
    sd = unit * np.sqrt(variance + committee.noise)
    measured = MeasuredSet(tuple(map(str, range(len(problem.x)))), scale(problem.x))
    near, distance = measured.nearest(x)
    centre = centre if minimize else -centre
    reach = normal_half_width() * sd
    values = (rows, centre, sd, centre - reach, centre + reach, committee.log_improvement(x), near, distance)
    return pd.DataFrame(dict(zip(POOL_COLUMNS, (*values, distance <= measured.domain_radius), strict=True)))
