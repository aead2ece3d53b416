"""A committee of Gaussian processes for any table, on NumPy.

Not on those of `screening.surrogates`: loading torch takes 1.1 CPU seconds, more than a whole suggestion among 10^5
candidates may take (0.7). Shapes: m candidates, k observations, d descriptors, c of them that vary.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize
from scipy.special import logsumexp

from screening.calibration import fit_scale
from screening.strategies.acquisitions import log_expected_improvement, log_gain

Array = NDArray[np.float64]

#: Rows that the distribution of a column is read from, and points kept of it.
_SAMPLE, _KNOTS = 20_000, 513


@dataclass(frozen=True)
class InputScale:
    """Maps each descriptor to [0, 1] in two ways, side by side: its position, and half-way to its quantile.

    The position between the smallest and the largest value keeps gaps and trends; the mean of position and quantile in
    the pool spreads out what a few extreme candidates squeeze together. Neither was better on all development tables,
    so the committee has members of both kinds. Columns beside each other that are one-hot (0 or 1, one 1 in every row)
    are one category: any two of its values are as far apart as the ends of a number.

    Attributes:
        kept: columns that vary, shape (c,).
        low, span: of the kept columns, shape (c,).
        knots, quantiles: per kept column, values and their mid-quantiles; empty for one-hot columns.
        groups: number of the descriptor that a kept column belongs to, from 0, shape (c,).
    """

    kept: NDArray[np.int64]
    low: Array
    span: Array
    knots: tuple[Array, ...]
    quantiles: tuple[Array, ...]
    groups: NDArray[np.int64]

    def __call__(self, x: Array) -> Array:
        """Scaled rows, shape (m, 2c): positions first, then the means of position and quantile."""
        c = len(self.kept)
        scaled = np.empty((len(x), 2 * c))
        scaled[:, :c] = (x[:, self.kept] - self.low) / self.span
        for place, column in enumerate(self.kept):
            if not len(self.knots[place]):
                scaled[:, place] *= sqrt(0.5)
                scaled[:, c + place] = scaled[:, place]
                continue
            quantile = np.interp(x[:, column], self.knots[place], self.quantiles[place])
            scaled[:, c + place] = 0.5 * (scaled[:, place] + quantile)
        return scaled


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
    return InputScale(kept, low[kept], (high - low)[kept], knots, quantiles, groups)


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

    def left_out(self, y: Array, groups: NDArray[np.int64]) -> tuple[Array, Array]:
        """Mean and variance of each result by the others, shapes (k,), for the hyperparameters of all of them; results
        of one number in `groups` (k,) are left out together, y (k,) is what the process was fitted to.

        Closed form: with P = K^-1 - K^-1 1 1' K^-1 / (1' K^-1 1), which estimates the mean anew too, the error of what
        is left out is the solution of P_gg e = (P y)_g and its covariance the inverse of P_gg (Dubrule, Math. Geol. 15,
        687 (1983), doi 10.1007/BF01033232).
        """
        inverse: Array = cho_solve((self.root, True), np.eye(len(y)))
        ones = inverse.sum(axis=1)
        projection = inverse - np.outer(ones, ones) / ones.sum()
        error, variance = self.weights / np.diag(projection), 1.0 / np.diag(projection)
        counts = np.bincount(groups)
        for group in np.flatnonzero((counts > 1) & (counts < len(y))):
            rows = np.flatnonzero(groups == group)
            covariance = np.linalg.inv(projection[np.ix_(rows, rows)])
            error[rows], variance[rows] = covariance @ self.weights[rows], np.diag(covariance)
        return y - error, variance

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
    kernel: str, x: Array, y: Array, fixed_noise: Array, groups: NDArray[np.int64] | None = None
) -> GaussianProcess:
    """Fit length scales and noise at their posterior mode (L-BFGS with the exact gradient) to targets y (k,) in
    standard units of variance `fixed_noise` (k,), zero where unknown, at inputs x (k, d); columns of one number in
    `groups` (d,) share a length scale, by default each has its own."""
    groups = np.arange(x.shape[1]) if groups is None else groups
    d = int(groups.max()) + 1
    squared = np.zeros((d, len(x), len(x)))
    for column, group in zip(x.T, groups, strict=True):
        squared[group] += (column[:, None] - column[None, :]) ** 2
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
    length = np.exp(found.x[:d])[groups]
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
    """Fitted members and the lowest standardised target `best`.

    Attributes:
        y: standardised results that the members are conditioned on, shape (k,).
        judged: those of them whose errors may recalibrate, shape (k,): not what was taken for being good.
        groups: results of one number are left out together, shape (k,).
    """

    members: tuple[Member, ...]
    best: float
    y: Array
    judged: NDArray[np.bool_]
    groups: NDArray[np.int64]

    @cached_property
    def calibration(self) -> float | None:
        """Factor on standard deviations by the errors of results left out; None below `FEWEST`, or all the same."""
        judged = self.judged
        if len(np.unique(self.groups[judged])) < FEWEST or not np.ptp(self.y) > 0.0:
            return None
        means, variances = zip(*(member.process.left_out(self.y, self.groups) for member in self.members), strict=True)
        mean, variance = _mixture(np.array(means), np.array(variances))
        return fit_scale((self.y - mean)[judged], np.sqrt(variance)[judged])

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
        return _mixture(np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs]))

    def _mix(self, parts: list[Array]) -> Array:
        mixed: Array = logsumexp(np.array(parts), axis=0) - np.log(len(parts))
        return mixed


#: Distinct results from which on their errors say how wide an interval must be.
FEWEST = 10
#: Of more results than this the members are conditioned on a part: the best, and a random sample of the others.
_ROWS, _BEST_ROWS = 1000, 250
#: Length scales and noise are searched on so many results at most, and on fewer where their squared distances would
#: take more numbers than this.
_SEARCH_ROWS, _SEARCH_NUMBERS = 400, 20_000_000


def fit_committee(
    x: Array, y: Array, noise_variance: Array, scale: InputScale | None = None, repeats: NDArray[np.int64] | None = None
) -> Committee:
    """Fit the members on scaled inputs x (k, 2c) and standardised targets y (k,) of known noise variance (k,). `scale`
    tells the columns of one descriptor; results of one number in `repeats` (k,) are of the same candidate."""
    groups = np.arange(x.shape[1] // 2) if scale is None else scale.groups
    rows, judged = _taken(y)
    x, y, noise_variance = x[rows], y[rows], noise_variance[rows]
    most = min(_SEARCH_ROWS, int(sqrt(_SEARCH_NUMBERS / (groups.max(initial=0) + 1))))
    search = np.flatnonzero(judged)[:most] if len(y) > most else np.arange(len(y))
    members = []
    for kernel, shared, half in _MEMBERS:
        part = _half(x, half)
        lengths = np.zeros_like(groups) if shared else groups
        process = fit_gaussian_process(kernel, part[search], y[search], noise_variance[search], lengths)
        if len(search) < len(y):
            process = _condition(kernel, part, y, noise_variance, process.length, process.linear, process.noise)
        members.append(Member(process, half))
    same = np.arange(len(y)) if repeats is None else np.unique(repeats[rows], return_inverse=True)[1]
    committee = Committee(tuple(members), float(y.min()), y, judged, same)
    if not noise_variance.any():
        return committee
    # a result with a stated error is not taken at its word: count from the best smoothed result instead
    return replace(committee, best=float(committee.predict(x)[0].min()))


def _taken(y: Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Rows that are learnt from, in a random order where they are a part, and which of them are a fair sample."""
    k = len(y)
    if k <= _ROWS:
        return np.arange(k), np.ones(k, dtype=bool)
    sample = np.random.default_rng(0).permutation(k)[: _ROWS - _BEST_ROWS]
    best = np.setdiff1d(np.argsort(y, kind="stable"), sample, assume_unique=True)[:_BEST_ROWS]
    return np.concatenate([sample, best]), np.arange(_ROWS) < len(sample)


def _mixture(means: Array, variances: Array) -> tuple[Array, Array]:
    """Mean and variance of a mixture of equal weights, shapes (m,), from the members' (s, m)."""
    mean = means.mean(axis=0)
    return mean, (variances + (means - mean) ** 2).mean(axis=0)


def _half(x: Array, half: int) -> Array:
    c = x.shape[1] // 2
    return x[:, half * c : (half + 1) * c]
