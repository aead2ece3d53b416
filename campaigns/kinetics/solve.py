"""The least-squares problem of a trace, and its solution from one start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, log

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from campaigns.kinetics.model import (
    DECAYS,
    EXTRAS,
    FWHM_PER_SIGMA,
    Model,
    Response,
    exponential_response,
    exponential_slopes,
    linear_terms,
)

Array = NDArray[np.float64]

_SQRT_2PI = float(np.sqrt(2.0 * np.pi))
#: Condition number from which the data do not tell the parameters apart.
_SINGULAR = 1e8
#: Decays whose derivatives are taken numerically.
_NUMERIC = ("biexponential", "stretched", "oscillation")


@dataclass(frozen=True, slots=True)
class Projection:
    """What is left of the signal at one set of non-linear parameters.

    Attributes:
        residual: signal - model, shape (t,).
        coefficients: of the linear terms (decay, then extras), shape (c,).
        basis: orthonormal basis of the linear terms, shape (t, c).
        terms: the linear terms, shape (t, c).
        pull: of the width on what was known of it, in the unit of the signal.
        cost: sum of squared residuals and pull.
    """

    residual: Array
    coefficients: Array
    basis: Array
    terms: Array
    pull: float
    cost: float


@dataclass(frozen=True, slots=True)
class Width:
    """What is known of the response's width beforehand.

    Attributes:
        fwhm_ps: full width at half maximum, ps; None where nothing is known.
        error: standard deviation of its logarithm; 0 holds the width.
        noise: standard deviation of the signal's noise, against which `error` is weighed.
        shape: of the response, a key of `RESPONSES`.
    """

    fwhm_ps: float | None = None
    error: float = 0.0
    noise: float = 0.0
    shape: str = "gaussian"

    @property
    def is_fitted(self) -> bool:
        """Whether the width is a parameter of the fit."""
        return self.fwhm_ps is None or self.error > 0.0

    def pull(self, log_fwhm: float) -> float:
        """How many standard deviations a width lies from what was known; 0 where nothing was."""
        return 0.0 if self.fwhm_ps is None or not self.error else (log_fwhm - log(self.fwhm_ps)) / self.error


@dataclass(frozen=True, eq=False)
class Problem:
    """Signal, model and limits. Non-linear parameters, in this order: time zero (ps), ln lifetime, ln FWHM where the
    response is fitted, then the shape parameters of the decay.

    Attributes:
        delay_ps: shape (t,), ps, ascending.
        signal: shape (t,), scaled to about one.
        population: (SC + CC) / 2 in the same unit, shape (t,); None where it was not measured.
        model: decay and extras.
        width: of the response.
        time_zero_ps: fixed time zero, or None where it is fitted.
        lifetime_limits: lower and upper limit of the lifetime, ps.
        fwhm_limits: lower and upper limit of a fitted response, ps.
    """

    delay_ps: Array
    signal: Array
    population: Array | None
    model: Model
    width: Width
    time_zero_ps: float | None
    lifetime_limits: tuple[float, float]
    fwhm_limits: tuple[float, float]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the non-linear parameters, length p."""
        width = ("log_fwhm",) if self.width.is_fitted else ()
        return ("time_zero_ps", "log_lifetime", *width, *DECAYS[self.model.decay])

    @cached_property
    def limits(self) -> Array:
        """Lower and upper limit of each non-linear parameter, shape (p, 2).

        Time zero may lie a little before the first delay, so that a trace without its rise is recognised.
        """
        known = self.width.fwhm_ps
        earliest = self.delay_ps[0] - 2.0 * (self.delay_ps[1] - self.delay_ps[0] + (known or self.fwhm_limits[0]))
        zeros = [earliest, self.delay_ps[-1], *([] if self.time_zero_ps is None else [self.time_zero_ps])]
        rows = [(min(zeros), max(zeros)), tuple(map(log, self.lifetime_limits))]
        if self.width.is_fitted:
            low, high = self.fwhm_limits if known is None else (known / 3.0, known * 3.0)
            rows.append((log(low), log(high)))
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
        """Number of fitted parameters of the curve, linear and non-linear; a width that is known beforehand, if not
        well, brings its own observation and does not count."""
        known = self.width.is_fitted and self.width.fwhm_ps is not None
        return int(self.free.sum()) - known + self.model.n_linear

    @property
    def extras(self) -> tuple[str, ...]:
        """The linear terms a model of this trace may have."""
        return EXTRAS if self.population is not None else tuple(extra for extra in EXTRAS if extra != "sum")

    def keeping(self, kept: NDArray[np.bool_]) -> Problem:
        """The same with some of the delays, a mask of shape (t,)."""
        population = None if self.population is None else self.population[kept]
        return replace(self, delay_ps=self.delay_ps[kept], signal=self.signal[kept], population=population)

    def with_model(self, model: Model) -> Problem:
        """The same trace and limits for another curve."""
        return replace(self, model=model)

    def start(self, time_zero_ps: float, lifetime_ps: float, fwhm_ps: float) -> Array:
        """Parameters, shape (p,), from a guess, moved inside the limits."""
        width = [log(fwhm_ps)] if self.width.is_fitted else []
        shape = [value for value, _, _ in DECAYS[self.model.decay].values()]
        zero = time_zero_ps if self.time_zero_ps is None else self.time_zero_ps
        inside: Array = np.clip(np.array([zero, log(lifetime_ps), *width, *shape]), *self.limits.T)
        return inside

    def response(self, theta: Array) -> Response:
        """The response at these parameters, shape (p,)."""
        known = self.width.fwhm_ps
        return Response(exp(theta[2]) if known is None or self.width.is_fitted else known, self.width.shape)

    def project(self, theta: Array) -> Projection:
        """Solve the linear terms at these non-linear parameters, shape (p,)."""
        terms = self.terms(theta)
        basis, triangle = _orthonormal(terms)
        weights = basis.T @ self.signal
        residual = self.signal - basis @ weights
        coefficients = np.asarray(np.linalg.solve(triangle, weights), dtype=np.float64)
        cost = float(residual @ residual)
        pull = self.width.noise * self.width.pull(theta[2]) if self.width.is_fitted else 0.0
        return Projection(residual, coefficients, basis, terms, pull, cost + pull**2)

    def slopes(self, theta: Array, at: Projection) -> Array:
        """Derivatives of the fitted curve by the non-linear parameters at fixed linear terms, shape (t, p)."""
        slopes = self._numeric(theta, at) if self.model.decay in _NUMERIC else self._analytic(theta, at)
        slopes[:, ~self.free] = 0.0
        return slopes

    def residual(self, at: Projection) -> Array:
        """What is minimised: the residuals, then the pull on the width where it is known, shape (t,) or (t + 1,)."""
        return np.append(at.residual, at.pull) if self.width.noise else at.residual

    def jacobian(self, theta: Array, at: Projection) -> Array:
        """Derivatives of `residual` with the linear terms solved out, shape (t, p) or (t + 1, p).

        Source: Kaufman, BIT 15, 49 (1975), doi 10.1007/BF01932995.
        """
        slopes = self.slopes(theta, at)
        derivatives: Array = at.basis @ (at.basis.T @ slopes) - slopes
        if not self.width.noise:
            return derivatives
        pull = np.zeros((1, len(theta)))
        pull[0, 2] = self.width.noise / self.width.error
        return np.vstack([derivatives, pull])

    def terms(self, theta: Array) -> Array:
        """The linear terms at these parameters, shape (t, c)."""
        return linear_terms(self.model, self.delay_ps, theta, self.response(theta), self.population)

    def _analytic(self, theta: Array, at: Projection) -> Array:
        """Of sums of exponentials and what they stand on; columns in the order of the parameters."""
        zero, lifetime, fitted = theta[0], exp(theta[1]), self.width.is_fitted
        slices, response = self.model.slices, self.response(theta)
        by_zero, by_width = np.zeros_like(self.delay_ps), np.zeros_like(self.delay_ps)
        by_lifetimes = []
        for height, tau in self._exponentials(lifetime, theta, at):
            by_lifetime = np.zeros_like(self.delay_ps)
            for share, sigma in response.parts:
                curve = exponential_response(self.delay_ps, zero, tau, sigma)
                by = exponential_slopes(self.delay_ps, curve, zero, tau, sigma)
                by_zero += share * height * by[0]
                by_lifetime += share * height * by[1]
                by_width += share * height * by[2]
            by_lifetimes.append(by_lifetime)
        for share, sigma in response.parts if "plateau" in slices else ():
            x = (self.delay_ps - zero) / sigma
            density = at.coefficients[slices["plateau"]] * np.exp(-0.5 * x * x) * (share / _SQRT_2PI)
            by_zero -= density / sigma
            by_width -= x * density
        if "spike" in slices:
            x = (self.delay_ps - zero) * (FWHM_PER_SIGMA / response.fwhm_ps)
            first, second, third = at.coefficients[slices["spike"]]
            bell = np.exp(-0.5 * x * x)
            by_x = bell * (second - (first - 3.0 * third) * x - second * x * x - third * x**3)
            by_zero -= by_x * (FWHM_PER_SIGMA / response.fwhm_ps)
            by_width -= x * by_x
        columns = [by_zero, np.sum(by_lifetimes, axis=0), *([by_width] if fitted else []), *by_lifetimes[1:]]
        return np.column_stack(columns)

    def _exponentials(self, lifetime: float, theta: Array, at: Projection) -> list[tuple[float, float]]:
        """Height and lifetime (ps) of each exponential."""
        if self.model.decay == "delayed":
            return [(at.coefficients[0], lifetime), (at.coefficients[1], lifetime * exp(theta[-1]))]
        return [(at.coefficients[0], lifetime)]

    def _numeric(self, theta: Array, at: Projection) -> Array:
        """Forward differences; a step of 1e-6 in ps-scaled or logarithmic parameters."""
        slopes = np.empty((len(self.delay_ps), len(theta)))
        curve = at.terms @ at.coefficients
        for column in range(len(theta)):
            step = 1e-6 * (self.response(theta).fwhm_ps if column == 0 else 1.0)
            moved = theta.copy()
            moved[column] += step
            slopes[:, column] = (self.terms(moved) @ at.coefficients - curve) / step
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
        return self.problem.response(self.theta).fwhm_ps

    @property
    def sum_share(self) -> float:
        """Share of (SC + CC) / 2 in the difference; 0 where the model has none."""
        at = self.problem.model.slices.get("sum")
        return 0.0 if at is None else float(self.at.coefficients[at][0])

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
        return problem.residual(at(values).at)

    def jacobian(values: Array) -> Array:
        here = at(values)
        return problem.jacobian(here.theta, here.at)[:, mask]

    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # a flat direction has no scale
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
