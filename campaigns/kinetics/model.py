"""The decay models that are compared: their names, their parameters, their curves.

Every model is written in terms of its mean lifetime, so one number means the same in all of them and one profile
serves all: the area under the decay divided by its initial height. For a single exponential that is tau.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, gamma, log, sqrt

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.special import erfc, erfcx, ndtr

from campaigns.kinetics.errors import FitSettingError

Array = NDArray[np.float64]

#: Full width at half maximum of a Gaussian in units of its standard deviation: 2 sqrt(2 ln 2).
FWHM_PER_SIGMA = 2.0 * sqrt(2.0 * log(2.0))
_SQRT2, _SQRT_2PI = sqrt(2.0), sqrt(2.0 * np.pi)

#: Past this many standard deviations after time zero the start of a stretched decay is out of the response's reach.
_FAR = 9.0
_NEAR_NODES, _NEAR_WEIGHTS = leggauss(32)
_FAR_NODES, _FAR_WEIGHTS = hermegauss(7)


def exponential_response(delay_ps: Array, time_zero_ps: float, lifetime_ps: float, sigma_ps: float) -> Array:
    """exp(-t / tau) from time zero, convolved with the Gaussian response; height 1 before the convolution.

    (1/2) exp(k^2/2 - k x) erfc((k - x) / sqrt 2), with x = (t - t0) / s and k = s / tau. Before the point x = k the
    exponential overflows while erfc underflows; there the equal form (1/2) exp(-x^2/2) erfcx((k - x) / sqrt 2) is used.

    Args:
        delay_ps: delays, shape (t,), ps.
        time_zero_ps: centre of the response, ps.
        lifetime_ps: tau, ps, positive.
        sigma_ps: standard deviation of the response, ps, positive.

    Returns:
        Shape (t,), dimensionless.

    Source: van Stokkum, Larsen, van Grondelle, Biochim. Biophys. Acta 1657, 82 (2004), doi
    10.1016/j.bbabio.2004.04.011; the scaled form, Kalambet et al., J. Chemom. 25, 352 (2011), doi
    10.1002/cem.1343.
    """
    x = (delay_ps - time_zero_ps) / sigma_ps
    k = sigma_ps / lifetime_ps
    z = (k - x) / _SQRT2
    before = np.exp(-0.5 * x * x) * erfcx(np.maximum(z, 0.0))
    after = np.exp(np.minimum(0.5 * k * k - k * x, 0.0)) * erfc(np.minimum(z, 0.0))
    return 0.5 * np.where(z > 0.0, before, after)


def exponential_slopes(
    delay_ps: Array, curve: Array, time_zero_ps: float, lifetime_ps: float, sigma_ps: float
) -> tuple[Array, Array, Array]:
    """Derivatives of `exponential_response` by time zero (1/ps), by ln(lifetime) and by ln(sigma), each shape (t,).

    `curve` is the response itself at the same delays. With f the curve and phi the standard normal density,
    df/dk = (k - x) f - phi(x) and df/dx = phi(x) - k f.
    """
    x = (delay_ps - time_zero_ps) / sigma_ps
    k = sigma_ps / lifetime_ps
    phi = np.exp(-0.5 * x * x) / _SQRT_2PI
    by_x = phi - k * curve
    by_k = (k - x) * curve - phi
    return -by_x / sigma_ps, -k * by_k, k * by_k - x * by_x


def step_response(delay_ps: Array, time_zero_ps: float, sigma_ps: float) -> Array:
    """A signal that rises at time zero and stays, through the response: Phi((t - t0) / s), shape (t,)."""
    step: Array = ndtr((delay_ps - time_zero_ps) / sigma_ps)
    return step


def stretched_response(delay_ps: Array, time_zero_ps: float, lifetime_ps: float, sigma_ps: float, beta: float) -> Array:
    """exp(-(t / tau)^beta) from time zero, convolved with the Gaussian response; height 1 before the convolution.

    No closed form exists. Within nine standard deviations of time zero the integral over the decay's own time is taken
    by Gauss-Legendre after the substitution v = c u^2, which removes the infinite slope at the start; further out by
    Gauss-Hermite. Against adaptive quadrature the error is below 1e-6 of the height (tested; 2e-8 seen).

    Args:
        delay_ps: delays, shape (t,), ps.
        time_zero_ps: centre of the response, ps.
        lifetime_ps: tau of the stretched exponential (not its mean), ps, positive.
        sigma_ps: standard deviation of the response, ps, positive.
        beta: stretching exponent, 0 < beta <= 1.

    Returns:
        Shape (t,), dimensionless.
    """
    x = (delay_ps - time_zero_ps) / sigma_ps
    k = sigma_ps / lifetime_ps
    curve = np.zeros_like(x)
    near = (x > -_FAR) & (x <= _FAR)
    far = x > _FAR
    curve[near] = _near(x[near], k, beta)
    curve[far] = np.exp(-((k * (x[far, None] - _FAR_NODES)) ** beta)) @ (_FAR_WEIGHTS / _SQRT_2PI)
    return curve


def _near(x: Array, k: float, beta: float) -> Array:
    """Integral of phi(x - v) exp(-(k v)^beta) over v from 0 to x + 6, the reach of the response."""
    low = np.sqrt(np.maximum(x - 6.0, 0.0))
    high = np.sqrt(np.maximum(x, 0.0) + 6.0)
    half = 0.5 * (high - low)
    u = 0.5 * (high + low)[:, None] + half[:, None] * _NEAR_NODES
    v = u * u
    integrand = np.exp(-0.5 * (x[:, None] - v) ** 2 - (k * v) ** beta) * u
    values: Array = (integrand @ _NEAR_WEIGHTS) * half * (2.0 / _SQRT_2PI)
    return values


#: Shape parameters each decay has beside its mean lifetime, with start, lower and upper limit.
DECAYS: dict[str, dict[str, tuple[float, float, float]]] = {
    "exponential": {},
    "biexponential": {"logit_fast": (-1.0, -6.0, 6.0), "log_slow": (0.0, -6.0, 6.0)},
    "stretched": {"beta": (0.8, 0.2, 1.0)},
}
#: Linear terms a decay may stand on: a baseline at all delays, a plateau that rises at time zero and stays.
EXTRAS = ("offset", "plateau")


@dataclass(frozen=True, slots=True)
class Model:
    """A decay and the linear terms it stands on. `name` reads "exponential", "stretched+offset" and so on."""

    decay: str
    extras: tuple[str, ...] = ()

    @classmethod
    def parse(cls, name: str) -> Model:
        """The model of that name; FitSettingError names the ones there are."""
        decay, *extras = (part.strip() for part in name.lower().split("+"))
        if decay not in DECAYS or not set(extras) <= set(EXTRAS) or len(set(extras)) < len(extras):
            raise FitSettingError(
                f"no model {name!r}: use auto, or one of {', '.join(DECAYS)}, each with +offset, +plateau or both"
            )
        return cls(decay, tuple(extra for extra in EXTRAS if extra in extras))

    @property
    def name(self) -> str:
        """The decay and what was added to it, as `--model` takes it: "exponential+offset"."""
        return "+".join((self.decay, *self.extras))

    def with_extra(self, extra: str) -> Model:
        """The same decay with one linear term more; `extra` is one of `EXTRAS`."""
        return Model(self.decay, tuple(e for e in EXTRAS if e in (*self.extras, extra)))


def decay_curve(
    decay: str, delay_ps: Array, time_zero_ps: float, lifetime_ps: float, sigma_ps: float, shape: tuple[float, ...]
) -> Array:
    """The decay through the response, shape (t,), height 1 before the convolution.

    Args:
        decay: a key of `DECAYS`.
        delay_ps: delays, shape (t,), ps.
        time_zero_ps: centre of the response, ps.
        lifetime_ps: mean lifetime, ps: tau; w tau1 + (1 - w) tau2; (tau / beta) Gamma(1 / beta).
        sigma_ps: standard deviation of the response, ps.
        shape: the decay's shape parameters in the order of `DECAYS`.

    Source: mean of a stretched exponential, Lindsey, Patterson, J. Chem. Phys. 73, 3348 (1980), doi 10.1063/1.440530.
    """
    if decay == "biexponential":
        weight, fast, slow = biexponential_parts(lifetime_ps, *shape)
        return weight * exponential_response(delay_ps, time_zero_ps, fast, sigma_ps) + (
            1.0 - weight
        ) * exponential_response(delay_ps, time_zero_ps, slow, sigma_ps)
    if decay == "stretched":
        (beta,) = shape
        tau = lifetime_ps * beta / gamma(1.0 / beta)
        return stretched_response(delay_ps, time_zero_ps, tau, sigma_ps, beta)
    return exponential_response(delay_ps, time_zero_ps, lifetime_ps, sigma_ps)


def biexponential_parts(lifetime_ps: float, logit_fast: float, log_slow: float) -> tuple[float, float, float]:
    """Weight of the fast part and both lifetimes (ps) of a biexponential of that mean lifetime.

    With tau1 = m / (1 + e^-a) < m and tau2 = m (1 + e^b) > m the weight that gives the mean m lies within 0 and 1.
    """
    fast, slow = 1.0 / (1.0 + exp(-logit_fast)), 1.0 + exp(log_slow)
    return (slow - 1.0) / (slow - fast), lifetime_ps * fast, lifetime_ps * slow
