"""The interval of a lifetime: the profile likelihood over one or several models."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

from scipy.stats import t as student

from campaigns.kinetics.errors import KineticsError
from campaigns.kinetics.solve import Solution, solve

#: Position of ln(lifetime) among the non-linear parameters.
_LIFETIME = 1
_MOST_RESTARTS = 20


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


def profile(members: list[Solution], confidence: float) -> tuple[list[Solution], Interval]:
    """The members at their best, and the interval over them; a member that was not at its best is fitted again.

    Raises:
        KineticsError: if there is no stable best point.
    """
    for _ in range(_MOST_RESTARTS):
        try:
            return members, profile_interval(members, confidence)
        except _BetterFit as found:
            better = solve(found.near.problem, found.near.theta)
            members = [better if at == found.member else member for at, member in enumerate(members)]
    raise KineticsError("the fit has no stable best point: every profile step finds a better one; plot the trace")


def profile_interval(members: list[Solution], confidence: float) -> Interval:
    """Interval of ln(lifetime) from the profile likelihood with unknown noise, around the first member's lifetime.

    The lifetimes u with D(u) <= n ln(1 + t^2 / (n - p)): D(u) is the AICc with the lifetime held at u, minimised over
    all else and over the members, above its least value; t is the two-sided Student quantile. For one member this is
    (SSR(u) - SSR_min) / s^2 <= t^2. Several members (with and without an offset) make the interval answer for the
    choice between them.

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
        others = member.problem.free.copy()
        others[_LIFETIME] = False
        held = solve(member.problem, theta, free=others, tol=1e-6, most=30)
        self._thetas[index] = held.theta
        if held.at.cost - member.at.cost < -0.02 * member.noise**2:
            raise _BetterFit(index, held)
        return held.aicc
