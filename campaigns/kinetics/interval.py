"""The interval of a lifetime: the profile likelihood over one or several models, and what no trace shows beside it."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from campaigns.kinetics.errors import KineticsError
from campaigns.kinetics.model import Model, linear_terms
from campaigns.kinetics.solve import Solution, solve

#: Position of ln(lifetime) among the non-linear parameters.
_LIFETIME = 1
_MOST_RESTARTS = 20
#: The end of an interval is found to this share of its distance.
_CLOSE = 1e-2
#: What is supposed to go unseen: time zero that drifts over the scan by so many response widths either way, or a tail
#: of the response that decays with so many widths and holds this share of it, as far as neither raises the sum of
#: squares by more than this many variances of the noise.
DRIFT, TAIL, TAIL_SHARE, _UNSEEN = 2.5, 2.0, 0.2, 9.0

Array = NDArray[np.float64]


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
