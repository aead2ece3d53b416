"""The least-squares problem of a trace, its solution from one start, and the interval of a lifetime: the profile
likelihood over one or several models, and what no trace shows beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, inf, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from campaigns.errors import KineticsError
from campaigns.kinetics.model import DECAYS, EXTRAS, Model, Response, linear_terms

Array = NDArray[np.float64]

#: Condition number of the curvature from which the data do not tell the parameters apart.
_SINGULAR = 1e13
#: Share of its length by which a linear term must differ from those before it.
_RIDGE = 1e-13


@dataclass(frozen=True, slots=True)
class Projection:
    """What is left of the signal at one set of non-linear parameters; weighted where the problem is. `residual`: signal
    - model, shape (t,); `coefficients` of the linear terms (decay, then extras), shape (c,); `terms`: these, each of
    length one, shape (c, t); `inverse` of their products, shape (c, c); `slopes`: derivatives of the curve by the
    non-linear parameters at fixed linear terms, shape (p, t); `pull` of the width on what was known of it, in the unit
    of the signal; `cost`: sum of squared residuals and pull."""

    residual: Array
    coefficients: Array
    terms: Array
    inverse: Array
    slopes: Array
    pull: float
    cost: float


@dataclass(frozen=True, slots=True)
class Width:
    """What is known of the response's width beforehand: `fwhm_ps`, full at half maximum, None where nothing is;
    `error`, standard deviation of its logarithm, 0 holds it; `noise` of the signal (standard deviation), against which
    `error` is weighed; `shape`, a key of `RESPONSES`."""

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
    response is fitted, then the shape parameters of the decay. `delay_ps` and `signal` (scaled to about one), shape
    (t,), ascending; `beside`: rows of the curve that depend on no parameter, shape (t,) each: "sum", (SC + CC) / 2 in
    the same unit, where it was measured, and "drift", how much of the scan was over, from -1/2 to 1/2; `time_zero_ps`:
    None where it is fitted; limits of the lifetime and of a fitted response in ps; `apart_ps`: by how much the zero of
    CC is later than that of SC; `weight` of each delay, inverse to its noise, shape (t,); None weighs all alike."""

    delay_ps: Array
    signal: Array
    beside: Mapping[str, Array]
    model: Model
    width: Width
    time_zero_ps: float | None
    lifetime_limits: tuple[float, float]
    fwhm_limits: tuple[float, float]
    apart_ps: float = 0.0
    weight: Array | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the non-linear parameters, length p."""
        width = ("log_fwhm",) if self.width.is_fitted else ()
        return ("time_zero_ps", "log_lifetime", *width, *DECAYS[self.model.decay])

    @cached_property
    def limits(self) -> Array:
        """Limits of each non-linear parameter, (p, 2); time zero may lie before the first delay, without a rise."""
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
        """Number of fitted parameters; a width known beforehand brings its own observation and is not counted."""
        known = self.width.is_fitted and self.width.fwhm_ps is not None
        return int(self.free.sum()) - known + self.model.n_linear

    @property
    def penalty(self) -> float:
        """What the AICc adds for the parameters."""
        n, k = len(self.delay_ps), self.n_parameters + 1
        return 2 * k + 2 * k * (k + 1) / (n - k - 1)

    def cost_at(self, aicc: float) -> float:
        """The sum of squares that gives this AICc."""
        n = len(self.delay_ps)
        return n * exp((aicc - self.penalty) / n)

    @property
    def extras(self) -> tuple[str, ...]:
        """The linear terms a model of this trace may have."""
        return EXTRAS if "sum" in self.beside else tuple(e for e in EXTRAS if e not in ("sum", "zeros"))

    def keeping(self, kept: NDArray[np.bool_]) -> Problem:
        """The same with some of the delays, a mask of shape (t,)."""
        beside = {name: row[kept] for name, row in self.beside.items()}
        weight = None if self.weight is None else self.weight[kept]
        return replace(self, delay_ps=self.delay_ps[kept], signal=self.signal[kept], beside=beside, weight=weight)

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
        fwhm = exp(theta[2]) if known is None or self.width.is_fitted else known
        return Response(fwhm, self.width.shape, self.apart_ps)

    def terms(self, theta: Array) -> Array:
        """The linear terms at these parameters, shape (c, t)."""
        return linear_terms(self.model, self.delay_ps, theta, self.response(theta), self.beside)[0]

    def weighed(self, rows: Array) -> Array:
        """Rows over the delays, shape (..., t), each delay by its weight."""
        return rows if self.weight is None else rows * self.weight

    def project(self, theta: Array) -> Projection:
        """Solve the linear terms at these non-linear parameters, shape (p,)."""
        terms, slopes = linear_terms(self.model, self.delay_ps, theta, self.response(theta), self.beside)
        terms, slopes, signal = (self.weighed(rows) for rows in (terms, slopes, self.signal))
        length = np.maximum(np.sqrt(np.einsum("ct,ct->c", terms, terms)), 1e-150)
        terms = terms / length[:, None]
        products = terms @ terms.T
        products.flat[:: len(terms) + 1] += _RIDGE
        inverse = np.linalg.inv(products)
        heights = inverse @ (terms @ signal)
        residual = signal - heights @ terms
        finer = inverse @ (terms @ residual)  # what rounding left in terms that are nearly alike
        heights, residual = heights + finer, residual - finer @ terms
        coefficients = heights / length
        curve = (coefficients @ slopes.reshape(len(terms), -1)).reshape(slopes.shape[1:])
        pull = self.width.noise * self.width.pull(theta[2]) if self.width.is_fitted else 0.0
        return Projection(residual, coefficients, terms, inverse, curve, pull, float(residual @ residual) + pull * pull)

    def normal(self, at: Projection, free: NDArray[np.int64]) -> tuple[Array, Array]:
        """Half the second and the negative first derivatives of the cost by the parameters at `free`, shape (f,), the
        linear terms solved out, shapes (f, f) and (f,). Source: Kaufman, BIT 15, 49 (1975), doi 10.1007/BF01932995."""
        slopes = at.slopes[free]
        for _ in range(2):  # twice is enough for orthogonality to rounding
            slopes = slopes - ((slopes @ at.terms.T) @ at.inverse) @ at.terms
        curvature, descent = slopes @ slopes.T, slopes @ at.residual
        if self.width.noise:
            place = int(np.searchsorted(free, 2))
            curvature[place, place] += (self.width.noise / self.width.error) ** 2
            descent[place] -= at.pull * self.width.noise / self.width.error
        return curvature, descent


#: Time zero, lifetime and response width, ps.
Guess = tuple[float, float, float]

#: Longer traces are averaged down to this many points for the search alone.
_MAX_POINTS = 400
_N_LIFETIMES = 12


def guesses(delay_ps: Array, signal: Array, fwhm_ps: float | None) -> list[Guess]:
    """Starting points that between them reach every local minimum seen so far, best first, from delays and signal of
    shape (t,) and the width of the response where it is known. Every delay is tried as the start of a sharp-edged
    exponential on a constant baseline, for twelve lifetimes from the finest delay step to twice the span. Where delays
    are coarser than the response, the sum of squares has a separate minimum with the edge between two delays and one
    with the edge on each of them, so all three are started."""
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
    """How much each (start, lifetime) lowers the sum of squares against a constant, shape (t, lifetimes). The sums over
    a decay that starts at one delay follow from those of the next delay, so one pass from the end does."""
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
    """The best fit of one model: what was fitted, non-linear parameters (p,), linear terms and residual there."""

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
    def pull(self) -> float:
        """How many standard deviations the width lies from what was known of it."""
        return self.problem.width.pull(float(self.theta[2])) if self.problem.width.is_fitted else 0.0

    @property
    def sum_share(self) -> float:
        """Share of (SC + CC) / 2 in the difference; 0 where the model has none."""
        at = self.problem.model.slices.get("sum")
        return 0.0 if at is None else float(self.at.coefficients[at][0])

    @property
    def drift_share(self) -> float:
        """Drift of the baseline over the scan, as a share of the decay's height; 0 where the model has none."""
        at = self.problem.model.slices.get("drift")
        return 0.0 if at is None else float(self.at.coefficients[at][0] / (self.at.coefficients[0] or 1e-300))

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
        """Corrected Akaike criterion, comparable within one trace; constants that cancel are left out. n ln(SSR / n) +
        2 k + 2 k (k + 1) / (n - k - 1), with k the curve's parameters and the noise. Source: Hurvich, Tsai, Biometrika
        76, 297 (1989), doi 10.1093/biomet/76.2.297."""
        n = len(self.problem.delay_ps)
        return n * log(max(self.at.cost, np.finfo(float).tiny) / n) + self.problem.penalty

    @cached_property
    def stderr(self) -> Array:
        """Standard errors of `theta` from the curvature, shape (p,): 0 where fixed, NaN where the data do not say."""
        free = self.problem.free
        errors = np.where(free, np.nan, 0.0)
        curvature = self.problem.normal(self.at, np.flatnonzero(free))[0]
        length = np.sqrt(np.diag(curvature))
        if (length > 0.0).all():
            scaled = curvature / np.outer(length, length)
            if np.linalg.cond(scaled) < _SINGULAR:
                spread = np.sqrt(np.maximum(np.diag(np.linalg.inv(scaled)), 0.0))
                errors[free] = self.noise * spread / length
        return errors


def solve(
    problem: Problem,
    start: Array,
    *,
    free: NDArray[np.bool_] | None = None,
    tol: float = 1e-10,
    most: int = 100,
    worth: float = inf,
    sharper: float = 10.0,
) -> Solution:
    """Least squares within the limits from `start`, shape (p,), with the linear terms solved out; converged when a step
    gains less than `tol` of the cost, after `most` evaluations at most. `free` says which parameters move, shape (p,).
    Where the first step does not promise a cost below `worth`, none is taken. Damped Gauss-Newton steps, after one that
    gains nothing up to `sharper` times as damped (above ten only where the start is near); a parameter that a step
    would take out of its limits stays at the limit. SciPy's `least_squares` needs ten times the overhead a step.
    Source of the separation: Golub, Pereyra, Inverse Problems 19, R1 (2003), doi 10.1088/0266-5611/19/2/201; of the
    damping: Marquardt, J. Soc. Ind. Appl. Math. 11, 431 (1963), doi 10.1137/0111030."""
    free_at = np.flatnonzero(problem.free if free is None else free)
    low, high = problem.limits.T
    theta = np.minimum(np.maximum(start, low), high)
    at = problem.project(theta)
    damping = 1e-3
    normal = None
    for _ in range(most - 1 if len(free_at) else 0):
        if normal is None:
            normal = problem.normal(at, free_at)
        inner, slope = normal
        outwards = np.where(slope < 0.0, theta[free_at] <= low[free_at], theta[free_at] >= high[free_at])
        inside = free_at
        if outwards.any():
            moving = np.flatnonzero(~outwards)
            if not len(moving):
                break
            inside, inner, slope = free_at[moving], inner[np.ix_(moving, moving)], slope[moving]
        damped = inner.copy()
        scale = inner.diagonal()
        damped.flat[:: len(inner) + 1] += damping * (scale + 1e-12 * max(float(scale.max()), 1e-300))
        step = np.linalg.solve(damped, slope)
        moved = theta.copy()
        moved[inside] += step
        moved = np.minimum(np.maximum(moved, low), high)
        promised = float(step @ (2.0 * slope - inner @ step))
        if not promised > tol * at.cost or at.cost - promised > worth:
            break
        worth = inf
        there = problem.project(moved)
        gain = at.cost - there.cost
        if gain > 0.0:
            theta, at, normal = moved, there, None
            damping = max(damping / (10.0 if gain > 0.5 * promised else 1.0), 1e-9)
            if gain <= tol * at.cost:
                break
        elif damping > 1e8:
            break
        else:  # the further off the lowest point on the way there, the more
            ahead = 2.0 * float(step @ slope)
            damping = max(min(max(2.0 * (ahead - gain) / ahead, 10.0), sharper) * damping, 1e-2)
    return Solution(problem, theta, at)


#: Position of ln(lifetime) among the non-linear parameters.
_LIFETIME = 1
_MOST_RESTARTS = 20
#: The end of an interval is found to this share of its distance.
_CLOSE = 1e-2
#: What is supposed to go unseen: time zero that drifts over the scan by so many response widths either way, or a tail
#: of the response that decays with so many widths and holds this share of it, as far as neither raises the sum of
#: squares by more than this many variances of the noise.
DRIFT, TAIL, TAIL_SHARE, _UNSEEN = 2.5, 2.0, 0.2, 9.0


@dataclass(frozen=True, slots=True)
class Interval:
    """Limits of ln(lifetime); None where the data set no limit."""

    low: float | None
    high: float | None


class _BetterFit(Exception):
    """A better fit of a member was met on the way."""

    def __init__(self, member: int, near: Solution) -> None:
        super().__init__(f"member {member}")
        self.member, self.near = member, near


def profile(members: list[Solution], confidence: float, inflation: float = 1.0) -> tuple[list[Solution], Interval]:
    """The members at their best, and the interval over them. Raises KineticsError if there is no stable best point."""
    for _ in range(_MOST_RESTARTS):
        try:
            return members, _interval(members, confidence, inflation)
        except _BetterFit as found:
            better = solve(found.near.problem, found.near.theta)
            members = [better if at == found.member else member for at, member in enumerate(members)]
    raise KineticsError("the fit has no stable best point: every profile step finds a better one; plot the trace")


def _interval(members: list[Solution], confidence: float, inflation: float) -> Interval:
    """Interval of ln(lifetime) from the profile likelihood with unknown noise. The lifetimes u with D(u) <= n ln(1 + f
    t^2 / (n - p)): D(u) is the AICc with the lifetime held at u, minimised over all else and over the members, above
    its least value; t is the two-sided Student quantile. For one member this is (SSR(u) - SSR_min) / s^2 <= t^2.
    Several members (with and without an offset) make the interval answer for the choice between them; those with as
    many parameters as the first, between which AICc is only luck, count each by its own least. f, the inflation, is the
    factor by which correlated noise has fewer independent points. Source: Venzon, Moolgavkar, Appl. Stat. 37, 87
    (1988), doi 10.2307/2347496; over several models, Dauncey, Kenzie, Wardle, Davies, J. Instrum. 10, P04015 (2015),
    doi 10.1088/1748-0221/10/04/P04015."""
    first = members[0]
    n, free = len(first.problem.delay_ps), first.degrees_of_freedom
    quantile = float(student.ppf(0.5 + 0.5 * confidence, free))
    limit = n * log(1.0 + inflation * quantile**2 / free)
    least = min(member.aicc for member in members)
    kinds = [(member.problem.n_parameters, member.problem.width.shape) for member in members]
    rooms = [limit - (kind != kinds[0]) * (one.aicc - least) for one, kind in zip(members, kinds, strict=True)]
    walks = [
        _Walk(at, member, sqrt(room))
        for at, (member, room) in enumerate(zip(members, rooms, strict=True))
        if room > 0.0
    ]
    ends = {-1.0: 0.0, 1.0: 0.0}  # as distances from the first member's lifetime, to either side
    for side in ends:
        shifts = [side * (walk.lifetime - float(first.theta[_LIFETIME])) for walk in walks]
        for walk, shift in sorted(zip(walks, shifts, strict=True), key=lambda pair: -pair[0].first - pair[1]):
            if walk.reach + shift > ends[side]:
                ends[side] = max(ends[side], walk.end(side) + shift)
    low, high = (first.theta[_LIFETIME] + side * end if end < inf else None for side, end in ends.items())
    return Interval(low, high)


def unseen(fit: Solution) -> tuple[float, float]:
    """By how much a drift of time zero, and a tail of the response, move ln(lifetime) where the trace does not show
    them. First order: what the fit makes of the curve that each adds."""
    problem, at, width = fit.problem, fit.at, fit.fwhm_ps
    theta = fit.theta[: 2 + problem.width.is_fitted].copy()
    late = TAIL * width * (1.01 if abs(fit.lifetime_ps - TAIL * width) < 0.005 * fit.lifetime_ps else 1.0)
    tail, share = 0.0, TAIL_SHARE * at.coefficients[0] * late / (fit.lifetime_ps - late)
    for lifetime, part in ((fit.lifetime_ps, share), (late, -share)):
        theta[_LIFETIME] = log(lifetime)
        terms = linear_terms(Model("exponential"), problem.delay_ps, theta, problem.response(fit.theta), {})[0]
        tail = tail + part * problem.weighed(terms[0])
    free, moved = np.flatnonzero(problem.free), []
    for added in (tail, DRIFT * width * at.slopes[0] * problem.beside["drift"]):
        left, slopes = (rows - ((rows @ at.terms.T) @ at.inverse) @ at.terms for rows in (added, at.slopes[free]))
        step = np.linalg.lstsq(problem.normal(at, free)[0], slopes @ left, rcond=None)[0]
        seen = max(float(left @ left - step @ (slopes @ left)), 0.0) / max(fit.noise, 1e-300) ** 2
        share = min(1.0, sqrt(_UNSEEN / max(seen, 1e-300)))
        moved.append(share * abs(float(step[free == _LIFETIME][0])))
    return moved[1], moved[0]


class _Walk:
    """The profile of one member: bracket an end of its interval, then close in on it."""

    def __init__(self, index: int, member: Solution, limit: float) -> None:
        self._index, self._member, self._limit = index, member, limit
        self._free = member.problem.free.copy()
        self._free[_LIFETIME] = False
        stderr = float(member.stderr[_LIFETIME])
        self.lifetime = float(member.theta[_LIFETIME])
        #: Where an end is, judged from the curvature, and the farthest that it can be.
        self.first = limit * stderr if 0.0 < stderr < 0.5 else 0.5
        self.reach = self.first * min(1.15 + 2.0 * self.first, 2.0) if 0.0 < stderr < 0.2 else inf

    def end(self, side: float) -> float:
        """Distance of the end from the member's lifetime, infinite where it runs into the limit of the lifetime."""
        wall = abs(float(self._member.problem.limits[_LIFETIME][0 if side < 0 else 1] - self._member.theta[_LIFETIME]))
        near, far = (0.0, 0.0, self._member.theta), min(self.first, wall)
        while True:
            root, theta = self._root(side, far, near)
            if abs(root - self._limit) < _CLOSE * self._limit:
                return far
            if root > self._limit:
                break
            if far >= wall:
                return inf
            near = far, root, theta
            far = min(wall, far * min(max(1.1 * self._limit / max(root, 1e-3), 1.2), 3.0))
        outside = far, root
        for _ in range(12):
            step = (self._limit - near[1]) / (outside[1] - near[1])
            distance = near[0] + min(max(step, 0.02), 0.98) * (outside[0] - near[0])
            root, theta = self._root(side, distance, near)
            if abs(root - self._limit) < _CLOSE * self._limit:
                return distance
            if root < self._limit:
                near = distance, root, theta
            else:
                outside = distance, root
        return 0.5 * (near[0] + outside[0])

    def _root(self, side: float, distance: float, near: tuple[float, float, Array]) -> tuple[float, Array]:
        """sqrt(D) with the lifetime held `distance` away, and the parameters there; `near` is a point on the way."""
        member, (passed, _, theta) = self._member, near
        start = member.theta + (theta - member.theta) * (distance / passed) if passed else member.theta.copy()
        start[_LIFETIME] = member.theta[_LIFETIME] + side * distance
        held = solve(member.problem, start, free=self._free, tol=1e-5, most=30, sharper=1e3)
        if held.at.cost - member.at.cost < -0.02 * member.noise**2:
            raise _BetterFit(self._index, held)
        ratio = max(held.at.cost, 1e-300) / max(member.at.cost, 1e-300)
        return sqrt(max(len(member.problem.delay_ps) * log(ratio), 0.0)), held.theta
