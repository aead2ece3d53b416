"""Minimise a trace's least-squares problem: lmfit for the fits that are reported, a small solver for the profile."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import lmfit
import numpy as np
from numpy.typing import NDArray

from campaigns.kinetics.problem import Problem, Projection

__all__ = ["Solution", "aicc", "refine", "solve"]

Array = NDArray[np.float64]


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
