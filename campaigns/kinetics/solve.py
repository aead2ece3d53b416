"""Minimise a trace's least-squares problem: lmfit for the fits that are reported, a small solver for the profile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, log, sqrt

import lmfit
import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from campaigns.kinetics.model import DECAYS, FWHM_PER_SIGMA, Model, decay_curve, exponential_slopes, step_response

Array = NDArray[np.float64]

_SQRT_2PI = float(np.sqrt(2.0 * np.pi))


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


@dataclass(frozen=True, slots=True, eq=False)
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

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the non-linear parameters, length p."""
        width = () if self.fwhm_ps is not None else ("log_fwhm",)
        return ("time_zero_ps", "log_lifetime", *width, *DECAYS[self.model.decay])

    @property
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

    @property
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
        guess = np.array([zero, log(lifetime_ps), *width, *shape])
        low, high = self.limits.T
        margin = 1e-6 * (high - low) * self.free
        inside: Array = np.clip(guess, low + margin, high - margin)
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


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The best fit of one model.

    Attributes:
        problem: what was fitted.
        theta: non-linear parameters, shape (p,).
        at: linear terms and residual there.
        stderr: standard errors of `theta` from the curvature, shape (p,); NaN where the data do not say.
    """

    problem: Problem
    theta: Array
    at: Projection
    stderr: Array

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
        """Corrected Akaike criterion of this solution; see the function `aicc`."""
        return aicc(self.at.cost, len(self.problem.delay_ps), self.problem.n_parameters)


def aicc(cost: float, n_delays: int, n_parameters: int) -> float:
    """Corrected Akaike criterion of a least-squares fit with unknown noise; constants that cancel are left out.

    n ln(SSR / n) + 2 k + 2 k (k + 1) / (n - k - 1), with k the curve's parameters and the noise.

    Source: Hurvich, Tsai, Biometrika 76, 297 (1989), doi 10.1093/biomet/76.2.297.
    """
    k = n_parameters + 1
    return n_delays * log(max(cost, np.finfo(float).tiny) / n_delays) + 2 * k + 2 * k * (k + 1) / (n_delays - k - 1)


def solve(problem: Problem, start: Array) -> Solution:
    """Fit by lmfit's Levenberg-Marquardt from `start`, shape (p,), with the linear terms solved out.

    Where `start` is as good already (a lifetime at its lower limit, where lmfit's transformation of the limits has no
    slope and its step can go astray), `start` is kept.

    Source of the separation: Golub, Pereyra, Inverse Problems 19, R1 (2003), doi 10.1088/0266-5611/19/2/201.
    """
    names, memory = problem.names, _Memory(problem)
    parameters = lmfit.Parameters()
    for name, value, (low, high), free in zip(names, start, problem.limits, problem.free, strict=True):
        parameters.add(name, value=float(value), min=float(low), max=float(high), vary=bool(free))

    def theta_of(values: lmfit.Parameters) -> Array:
        return np.array([values[name].value for name in names])

    def residual(values: lmfit.Parameters) -> Array:
        return memory.at(theta_of(values)).residual

    def jacobian(values: lmfit.Parameters) -> Array:
        theta = theta_of(values)
        return problem.jacobian(theta, memory.at(theta))[:, problem.free]

    minimizer = lmfit.Minimizer(residual, parameters, scale_covar=True)
    found = minimizer.leastsq(Dfun=jacobian, col_deriv=0, ftol=1e-10, xtol=1e-8, max_nfev=200)
    theta, before = theta_of(found.params), problem.project(start)
    at = problem.project(theta)
    if at.cost > before.cost * (1.0 + 1e-9):
        return Solution(problem, start, before, np.where(problem.free, np.nan, 0.0))
    stderr = np.array([_stderr(found.params[name]) for name in names])
    return Solution(problem, theta, at, stderr)


def refine(
    problem: Problem, theta: Array, free: NDArray[np.bool_], steps: int = 30, tol: float = 1e-7
) -> tuple[Array, Projection]:
    """Damped Gauss-Newton over the `free` of the parameters `theta`, both shape (p,): the inner fits of a profile.

    A parameter that a step would push past its limit stops at the limit. Converged when a step gains less than `tol` of
    the cost.
    """
    low, high = problem.limits.T
    at, damping = problem.project(theta), 1e-4
    if not free.any():
        return theta, at
    for _ in range(steps):
        jacobian = problem.jacobian(theta, at)[:, free]
        normal, gradient = jacobian.T @ jacobian, jacobian.T @ at.residual
        while True:
            scaled = normal + damping * np.diag(np.diag(normal) + 1e-12)
            trial = theta.copy()
            trial[free] = np.clip(theta[free] - np.linalg.solve(scaled, gradient), low[free], high[free])
            there = problem.project(trial)
            if there.cost <= at.cost or damping > 1e6:
                break
            damping *= 10.0
        gain = at.cost - there.cost
        if gain <= 0.0:
            return theta, at
        theta, at, damping = trial, there, max(damping * 0.1, 1e-10)
        if gain < tol * at.cost:
            break
    return theta, at


class _Memory:
    """The last projection: the residual and its derivatives are asked for at the same parameters in turn."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._last: tuple[Array, Projection] | None = None

    def at(self, theta: Array) -> Projection:
        if self._last is None or not np.array_equal(self._last[0], theta):
            self._last = (theta, self._problem.project(theta))
        return self._last[1]


def _stderr(parameter: lmfit.Parameter) -> float:
    if not parameter.vary:
        return 0.0
    return float("nan") if parameter.stderr is None else float(parameter.stderr)


_LIFETIME = 1


@dataclass(frozen=True, slots=True)
class Interval:
    """Limits of ln(lifetime); None where the data set no limit."""

    low: float | None
    high: float | None


class BetterFit(Exception):
    """A better fit of `member` was met on the way, at `theta`: fit again from there. Never leaves the package."""

    def __init__(self, member: int, theta: Array) -> None:
        super().__init__(f"member {member}")
        self.member, self.theta = member, theta


def profile_interval(members: list[Solution], confidence: float) -> Interval:
    """Interval of ln(lifetime) from the profile likelihood with unknown noise, around the first member's lifetime.

    The lifetimes u with D(u) <= n ln(1 + t^2 / (n - p)): D(u) is the AICc with the lifetime held at u, minimised over
    all else and over the members, above its least value; t is the two-sided Student quantile. For one member this is
    (SSR(u) - SSR_min) / s^2 <= t^2. Several members (with and without an offset) make the interval answer for the
    choice between them.

    Raises:
        BetterFit: if a member was not at its best.

    Source: Venzon, Moolgavkar, Appl. Stat. 37, 87 (1988), doi 10.2307/2347496; over several models, Dauncey, Kenzie,
    Wardle, Davies, J. Instrum. 10, P04015 (2015), doi 10.1088/1748-0221/10/04/P04015.
    """
    first = members[0]
    n, free = len(first.problem.delay_ps), first.degrees_of_freedom
    quantile = float(student.ppf(0.5 + 0.5 * confidence, free))
    limit = sqrt(n * log(1.0 + quantile**2 / free))
    return Interval(_Walk(members, limit, -1.0).end(), _Walk(members, limit, 1.0).end())


class _Walk:
    """One side of the profile: bracket the end of the interval, then close in on it."""

    def __init__(self, members: list[Solution], limit: float, side: float) -> None:
        first = members[0]
        self._members, self._limit, self._side = members, limit, side
        self._least = min(member.aicc for member in members)
        self._thetas = [member.theta for member in members]
        self._free = first.problem.free
        self._free[_LIFETIME] = False
        self._centre = float(first.theta[_LIFETIME])
        self._wall = abs(float(first.problem.limits[_LIFETIME][0 if side < 0 else 1]) - self._centre)

    def end(self) -> float | None:
        """ln(lifetime) at the end; None where it runs into the limit of the lifetime."""
        outside = self._bracket()
        if outside is None:
            return None
        inside = (0.0, sqrt(max(self._members[0].aicc - self._least, 0.0)))
        for _ in range(12):
            slope = (self._limit - inside[1]) / (outside[1] - inside[1])
            edge = 0.02 * (outside[0] - inside[0])
            distance = inside[0] + slope * (outside[0] - inside[0])
            distance = min(max(distance, inside[0] + edge), outside[0] - edge)
            root = self._root(distance)
            if abs(root - self._limit) < 4e-3 * self._limit:
                return self._centre + self._side * distance
            inside, outside = ((distance, root), outside) if root < self._limit else (inside, (distance, root))
        return self._centre + self._side * 0.5 * (inside[0] + outside[0])

    def _bracket(self) -> tuple[float, float] | None:
        """A distance outside the interval and sqrt(D) there; None where there is none up to the limit."""
        stderr = float(self._members[0].stderr[_LIFETIME])
        distance = self._limit * stderr if 0.0 < stderr < 0.5 else 0.5
        while True:
            distance = min(distance, self._wall)
            root = self._root(distance)
            if root >= self._limit:
                return distance, root
            if distance >= self._wall:
                return None
            distance *= min(max(1.1 * self._limit / max(root, 1e-3), 1.2), 3.0)

    def _root(self, distance: float) -> float:
        """sqrt(D) with the lifetime held `distance` from the first member's."""
        return sqrt(max(min(self._score(i, distance) for i in range(len(self._members))) - self._least, 0.0))

    def _score(self, index: int, distance: float) -> float:
        member = self._members[index]
        theta = self._thetas[index].copy()
        theta[_LIFETIME] = self._centre + self._side * distance
        self._thetas[index], at = refine(member.problem, theta, self._free)
        if at.cost - member.at.cost < -0.02 * member.noise**2:
            raise BetterFit(index, self._thetas[index])
        return member.aicc + len(member.problem.delay_ps) * log(max(at.cost, 1e-300) / max(member.at.cost, 1e-300))
