"""One trace and one model as a separable least-squares problem: the linear terms are solved out.

Letters: t delays, p non-linear parameters, c linear terms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from campaigns.kinetics.models import DECAYS, Model, decay_curve
from campaigns.kinetics.response import FWHM_PER_SIGMA, exponential_slopes, step_response

__all__ = ["Problem", "Projection", "linear_terms"]

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
