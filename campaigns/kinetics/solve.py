"""The least-squares problem of a trace, and its solution from one start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, log

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from campaigns.kinetics.model import DECAYS, FWHM_PER_SIGMA, Model, decay_curve, exponential_slopes, step_response

Array = NDArray[np.float64]

_SQRT_2PI = float(np.sqrt(2.0 * np.pi))
#: Condition number from which the data do not tell the parameters apart.
_SINGULAR = 1e8


@dataclass(frozen=True, slots=True)
class Projection:
    """What is left of the signal at one set of non-linear parameters.

    Attributes:
        residual: signal - model, shape (t,).
        coefficients: of the linear terms (decay, then extras), shape (c,).
        basis: orthonormal basis of the linear terms, shape (t, c).
        terms: the linear terms, shape (t, c).
        cost: sum of squared residuals.
    """

    residual: Array
    coefficients: Array
    basis: Array
    terms: Array
    cost: float


@dataclass(frozen=True, eq=False)
class Problem:
    """Signal, model and limits. Non-linear parameters, in this order: time zero (ps), ln lifetime, ln FWHM where the
    response is fitted, then the shape parameters of the decay.

    Attributes:
        delay_ps: shape (t,), ps, ascending.
        signal: shape (t,), scaled to about one.
        model: decay and extras.
        fwhm_ps: width of the response, or None where it is fitted.
        time_zero_ps: fixed time zero, or None where it is fitted.
        lifetime_limits: lower and upper limit of the lifetime, ps.
        fwhm_limits: lower and upper limit of a fitted response, ps.
    """

    delay_ps: Array
    signal: Array
    model: Model
    fwhm_ps: float | None
    time_zero_ps: float | None
    lifetime_limits: tuple[float, float]
    fwhm_limits: tuple[float, float]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the non-linear parameters, length p."""
        width = () if self.fwhm_ps is not None else ("log_fwhm",)
        return ("time_zero_ps", "log_lifetime", *width, *DECAYS[self.model.decay])

    @cached_property
    def limits(self) -> Array:
        """Lower and upper limit of each non-linear parameter, shape (p, 2).

        Time zero may lie a little before the first delay, so that a trace without its rise is recognised.
        """
        width = self.fwhm_ps if self.fwhm_ps is not None else self.fwhm_limits[0]
        earliest = self.delay_ps[0] - 2.0 * (self.delay_ps[1] - self.delay_ps[0] + width)
        zeros = [earliest, self.delay_ps[-1], *([] if self.time_zero_ps is None else [self.time_zero_ps])]
        rows = [(min(zeros), max(zeros)), tuple(map(log, self.lifetime_limits))]
        if self.fwhm_ps is None:
            rows.append(tuple(map(log, self.fwhm_limits)))
        rows += [(lower, upper) for _, lower, upper in DECAYS[self.model.decay].values()]
        return np.array(rows)

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """Which non-linear parameters are fitted, shape (p,): all but a fixed time zero."""
        mask = np.ones(len(self.names), dtype=bool)
        mask[0] = self.time_zero_ps is None
        return mask

    @property
    def n_parameters(self) -> int:
        """Number of fitted parameters of the curve, linear and non-linear."""
        return int(self.free.sum()) + 1 + len(self.model.extras)

    def with_model(self, model: Model) -> Problem:
        """The same trace and limits for another curve."""
        return replace(self, model=model)

    def start(self, time_zero_ps: float, lifetime_ps: float, fwhm_ps: float) -> Array:
        """Parameters, shape (p,), from a guess, moved inside the limits."""
        width = [] if self.fwhm_ps is not None else [log(fwhm_ps)]
        shape = [value for value, _, _ in DECAYS[self.model.decay].values()]
        zero = time_zero_ps if self.time_zero_ps is None else self.time_zero_ps
        inside: Array = np.clip(np.array([zero, log(lifetime_ps), *width, *shape]), *self.limits.T)
        return inside

    def fwhm(self, theta: Array) -> float:
        """Width of the response at these parameters, shape (p,), in ps."""
        return self.fwhm_ps if self.fwhm_ps is not None else exp(theta[2])

    def project(self, theta: Array) -> Projection:
        """Solve the linear terms at these non-linear parameters, shape (p,)."""
        terms = self._terms(theta)
        basis, triangle = _orthonormal(terms)
        weights = basis.T @ self.signal
        residual = self.signal - basis @ weights
        coefficients = np.asarray(np.linalg.solve(triangle, weights), dtype=np.float64)
        return Projection(residual, coefficients, basis, terms, float(residual @ residual))

    def slopes(self, theta: Array, at: Projection) -> Array:
        """Derivatives of the fitted curve by the non-linear parameters at fixed linear terms, shape (t, p)."""
        slopes = self._analytic(theta, at) if self.model.decay == "exponential" else self._numeric(theta, at)
        slopes[:, ~self.free] = 0.0
        return slopes

    def jacobian(self, theta: Array, at: Projection) -> Array:
        """Derivatives of the residual with the linear terms solved out, shape (t, p).

        Source: Kaufman, BIT 15, 49 (1975), doi 10.1007/BF01932995.
        """
        slopes = self.slopes(theta, at)
        derivatives: Array = at.basis @ (at.basis.T @ slopes) - slopes
        return derivatives

    def _terms(self, theta: Array) -> Array:
        return linear_terms(self.model, self.delay_ps, theta, self.fwhm(theta))

    def _analytic(self, theta: Array, at: Projection) -> Array:
        sigma = self.fwhm(theta) / FWHM_PER_SIGMA
        by_zero, by_lifetime, by_width = exponential_slopes(
            self.delay_ps, at.terms[:, 0], theta[0], exp(theta[1]), sigma
        )
        amplitude = at.coefficients[0]
        slopes = [amplitude * by_zero, amplitude * by_lifetime, amplitude * by_width][: len(theta)]
        if "plateau" in self.model.extras:
            x = (self.delay_ps - theta[0]) / sigma
            density = at.coefficients[-1] * np.exp(-0.5 * x * x) / _SQRT_2PI
            slopes[0] = slopes[0] - density / sigma
            if self.fwhm_ps is None:
                slopes[2] = slopes[2] - x * density
        return np.column_stack(slopes)

    def _numeric(self, theta: Array, at: Projection) -> Array:
        """Forward differences; a step of 1e-6 in ps-scaled or logarithmic parameters."""
        slopes = np.empty((len(self.delay_ps), len(theta)))
        curve = at.terms @ at.coefficients
        for column in range(len(theta)):
            step = 1e-6 * (self.fwhm(theta) if column == 0 else 1.0)
            moved = theta.copy()
            moved[column] += step
            slopes[:, column] = (self._terms(moved) @ at.coefficients - curve) / step
        return slopes


def _orthonormal(terms: Array) -> tuple[Array, Array]:
    """Gram-Schmidt of the one to three columns, ten times faster than a general QR of so few.

    A column that the ones before it explain to 1e-10 gets a zero basis vector and so a zero coefficient.
    """
    n_terms = terms.shape[1]
    basis, triangle = np.zeros_like(terms, order="F"), np.eye(n_terms)
    for column in range(n_terms):
        rest = terms[:, column]
        full = float(rest @ rest)
        for _ in range(2 if column else 0):  # twice is enough for orthogonality to rounding
            overlap = basis[:, :column].T @ rest
            rest = rest - basis[:, :column] @ overlap
            triangle[:column, column] += overlap
        length = float(rest @ rest)
        if length > 1e-20 * full > 0.0:
            triangle[column, column] = length**0.5
            basis[:, column] = rest / length**0.5
    return basis, triangle


def linear_terms(model: Model, delay_ps: Array, theta: Array, fwhm_ps: float) -> Array:
    """The decay and the extras of a model as columns, shape (t, c), at its non-linear parameters, shape (p,)."""
    sigma = fwhm_ps / FWHM_PER_SIGMA
    shape = tuple(theta[len(theta) - len(DECAYS[model.decay]) :])
    columns = [decay_curve(model.decay, delay_ps, theta[0], exp(theta[1]), sigma, shape)]
    if "offset" in model.extras:
        columns.append(np.ones_like(delay_ps))
    if "plateau" in model.extras:
        columns.append(step_response(delay_ps, theta[0], sigma))
    return np.column_stack(columns)


#: Time zero, lifetime and response width, ps.
Guess = tuple[float, float, float]

#: Longer traces are averaged down to this many points for the search alone.
_MAX_POINTS = 400
_N_LIFETIMES = 12


def guesses(delay_ps: Array, signal: Array, fwhm_ps: float | None) -> list[Guess]:
    """Starting points that between them reach every local minimum seen so far, best first.

    Every delay is tried as the start of a sharp-edged exponential on a constant baseline, for twelve lifetimes from
    the finest delay step to twice the span. Where delays are coarser than the response, the sum of squares has a
    separate minimum with the edge between two delays and one with the edge on each of them, so all three are started.

    Args:
        delay_ps: shape (t,), ps, ascending.
        signal: shape (t,).
        fwhm_ps: width of the response where it is known.
    """
    delay, values = _thin(delay_ps, signal)
    step, span = np.diff(delay), float(np.ptp(delay))
    lifetimes = np.geomspace(max(float(np.median(step)) / 3.0, span * 1e-4), 2.0 * span, _N_LIFETIMES)
    gain = _gains(values, np.exp(-step[:, None] / lifetimes))
    best = gain.argmax(axis=0)
    order = np.argsort(-gain[best, np.arange(_N_LIFETIMES)])
    first = int(order[0])
    second = next((int(o) for o in order[1:] if abs(int(o) - first) >= 3), first)
    found: list[Guess] = []
    for column in dict.fromkeys((first, second)):
        at = max(int(best[column]), 1)
        rise, lifetime = float(delay[at] - delay[at - 1]), float(lifetimes[column])
        widths = (fwhm_ps,) if fwhm_ps is not None else (0.5 * rise, 3.0 * rise, max(lifetime, 6.0 * rise))
        for width in widths:
            edges = (0.5, 0.0, 1.0) if rise >= width and column == first else (0.5,)
            found += [(float(delay[at]) - edge * rise, max(lifetime, 0.25 * width), width) for edge in edges]
    return found


def _gains(values: Array, decay: Array) -> Array:
    """How much each (start, lifetime) lowers the sum of squares against a constant, shape (t, lifetimes).

    The sums over a decay that starts at one delay follow from those of the next delay, so one pass from the end does.
    """
    n, n_lifetimes = len(values), decay.shape[1]
    centred = values - values.mean()
    factors = np.stack([decay, decay, decay**2], axis=1)
    sums = np.empty((n, 3, n_lifetimes))
    sums[:, 0], sums[:, 1:] = centred[:, None], 1.0
    for at in range(n - 2, -1, -1):
        sums[at] += factors[at] * sums[at + 1]
    spread = sums[:, 2] - sums[:, 1] ** 2 / n
    gain: Array = np.where(spread > 1e-9, sums[:, 0] ** 2 / np.maximum(spread, 1e-9), 0.0)
    return gain


def _thin(delay_ps: Array, signal: Array) -> tuple[Array, Array]:
    """Averages of consecutive points where there are too many, and one point per repeated delay."""
    delay, first, count = np.unique(delay_ps, return_index=True, return_counts=True)
    values = np.add.reduceat(signal, first) / count
    if len(delay) > _MAX_POINTS:
        edges = np.linspace(0, len(delay), _MAX_POINTS, endpoint=False).astype(np.int64)
        sizes = np.diff(np.append(edges, len(delay)))
        delay, values = np.add.reduceat(delay, edges) / sizes, np.add.reduceat(values, edges) / sizes
    return delay, values


@dataclass(frozen=True, eq=False)
class Solution:
    """The best fit of one model.

    Attributes:
        problem: what was fitted.
        theta: non-linear parameters, shape (p,).
        at: linear terms and residual there.
    """

    problem: Problem
    theta: Array
    at: Projection

    @property
    def lifetime_ps(self) -> float:
        """Mean lifetime, ps."""
        return exp(self.theta[1])

    @property
    def fwhm_ps(self) -> float:
        """Full width at half maximum of the response, ps."""
        return self.problem.fwhm(self.theta)

    @property
    def degrees_of_freedom(self) -> int:
        """Delays less the parameters of the curve."""
        return len(self.problem.delay_ps) - self.problem.n_parameters

    @property
    def noise(self) -> float:
        """Standard deviation of the noise, from the residuals, in the scaled unit of the signal."""
        return float(np.sqrt(self.at.cost / self.degrees_of_freedom))

    @property
    def aicc(self) -> float:
        """Corrected Akaike criterion, comparable within one trace; constants that cancel are left out.

        n ln(SSR / n) + 2 k + 2 k (k + 1) / (n - k - 1), with k the curve's parameters and the noise.

        Source: Hurvich, Tsai, Biometrika 76, 297 (1989), doi 10.1093/biomet/76.2.297.
        """
        n, k = len(self.problem.delay_ps), self.problem.n_parameters + 1
        return n * log(max(self.at.cost, np.finfo(float).tiny) / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)

    @cached_property
    def stderr(self) -> Array:
        """Standard errors of `theta` from the curvature, shape (p,): 0 where fixed, NaN where the data do not say."""
        free = self.problem.free
        errors = np.where(free, np.nan, 0.0)
        slopes = self.problem.jacobian(self.theta, self.at)[:, free]
        length = np.linalg.norm(slopes, axis=0)
        if (length > 0.0).all():
            scaled = slopes / length
            if np.linalg.cond(scaled) < _SINGULAR:
                spread = np.sqrt(np.diag(np.linalg.inv(scaled.T @ scaled)))
                errors[free] = self.noise * spread / length
        return errors


def solve(
    problem: Problem,
    start: Array,
    *,
    free: NDArray[np.bool_] | None = None,
    tol: float = 1e-10,
    most: int = 100,
) -> Solution:
    """Least squares within the limits from `start`, shape (p,), with the linear terms solved out.

    Args:
        problem: what to fit.
        start: non-linear parameters, shape (p,).
        free: which of them move, shape (p,); None moves what the problem leaves free.
        tol: converged when a step gains less than this share of the cost.
        most: evaluations at most.

    Source of the separation: Golub, Pereyra, Inverse Problems 19, R1 (2003), doi 10.1088/0266-5611/19/2/201.
    """
    mask = problem.free if free is None else free
    low, high = problem.limits.T
    theta = np.clip(start, low, high)
    best = Solution(problem, theta, problem.project(theta))
    if not mask.any():
        return best
    last = [best]

    def at(values: Array) -> Solution:
        """The residual and its derivatives are asked for at the same parameters in turn."""
        if not np.array_equal(last[0].theta[mask], values):
            moved = theta.copy()
            moved[mask] = values
            last[0] = Solution(problem, moved, problem.project(moved))
        return last[0]

    def residual(values: Array) -> Array:
        return at(values).at.residual

    def jacobian(values: Array) -> Array:
        here = at(values)
        return problem.jacobian(here.theta, here.at)[:, mask]

    found = least_squares(
        residual,
        theta[mask],
        jacobian,
        bounds=(low[mask], high[mask]),
        x_scale="jac",
        ftol=tol,
        xtol=1e-8,
        gtol=None,
        max_nfev=most,
    )
    reached = at(found.x)
    return best if best.at.cost < reached.at.cost else reached
