"""The decay models that are compared: their names, their parameters, their curves.

Every decay that only falls is written in terms of its mean lifetime, so one number means the same in all of them and
one profile serves all: the area under the decay divided by its initial height. For a single exponential that is tau.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, gamma, log, sqrt

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.special import erfc, erfcx, ndtr, wofz

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


def oscillating_response(
    delay_ps: Array, time_zero_ps: float, lifetime_ps: float, period_ps: float, sigma_ps: float
) -> tuple[Array, Array]:
    """exp(-t / tau) cos(2 pi t / T) and exp(-t / tau) sin(2 pi t / T) from time zero through the Gaussian response.

    `exponential_response` with the complex rate 1 / tau - 2 pi i / T: real and imaginary part, each shape (t,).

    Source: scaled complementary error function of a complex argument, Poppe, Wijers, ACM Trans. Math. Softw. 16, 38
    (1990), doi 10.1145/77626.77629.
    """
    x = (delay_ps - time_zero_ps) / sigma_ps
    k = sigma_ps * complex(1.0 / lifetime_ps, -2.0 * np.pi / period_ps)
    z = (k - x) / _SQRT2
    late = z.real < 0.0
    curve = 0.5 * np.exp(-0.5 * x * x) * wofz(np.where(late, -1j, 1j) * z)
    curve[late] = np.exp(0.5 * k * k - k * x[late]) - curve[late]
    return curve.real, curve.imag


#: Pulse shapes as sums of Gaussians: share and standard deviation, in units of the full width at half maximum, of each.
#: The three of a sech^2 pulse follow it to 3e-4 of its height (least squares over three full widths).
RESPONSES: dict[str, tuple[tuple[float, float], ...]] = {
    "gaussian": ((1.0, 1.0 / FWHM_PER_SIGMA),),
    "sech2": ((0.192669, 0.299273), (0.579624, 0.462142), (0.227707, 0.732361)),
}


@dataclass(frozen=True, slots=True)
class Response:
    """The instrument response: full width at half maximum (ps) and pulse shape, a key of `RESPONSES`."""

    fwhm_ps: float
    shape: str = "gaussian"

    @property
    def parts(self) -> tuple[tuple[float, float], ...]:
        """Share and standard deviation (ps) of each Gaussian it is made of."""
        return tuple((share, width * self.fwhm_ps) for share, width in RESPONSES[self.shape])

    def through(self, curve: Callable[[float], Array]) -> Array:
        """The sum over the Gaussians of what `curve` gives for each standard deviation (ps), shape (t,) each."""
        parts = self.parts
        if len(parts) == 1:
            return curve(parts[0][1])
        total: Array = np.sum([share * curve(sigma) for share, sigma in parts], axis=0)
        return total


#: Shape parameters each decay has beside its lifetime, with start, lower and upper limit: logarithms of a ratio to the
#: lifetime for the rise of "delayed" and the period of "oscillation".
DECAYS: dict[str, dict[str, tuple[float, float, float]]] = {
    "exponential": {},
    "biexponential": {"logit_fast": (-1.0, -6.0, 6.0), "log_slow": (0.0, -6.0, 6.0)},
    "stretched": {"beta": (0.8, 0.2, 1.0)},
    "delayed": {"log_rise": (-1.5, -6.0, -0.05)},
    "oscillation": {"log_period": (0.0, -4.0, 2.5)},
}
#: Linear terms a decay may stand on: a baseline at all delays, a plateau that rises at time zero and stays, a share of
#: (SC + CC) / 2 (unequal pump power, imperfect polarisation), a coherent artefact at time zero.
EXTRAS = ("offset", "plateau", "sum", "spike")
#: Linear terms of those that have more than one: two exponentials, a cosine and a sine, a Gaussian and its derivatives.
_COLUMNS = {"delayed": 2, "oscillation": 2, "spike": 3}


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
                f"no model {name!r}: use auto, or one of {', '.join(DECAYS)}, each with any of "
                f"{', '.join(f'+{extra}' for extra in EXTRAS)}"
            )
        return cls(decay, tuple(extra for extra in EXTRAS if extra in extras))

    @property
    def name(self) -> str:
        """The decay and what was added to it, as `--model` takes it: "exponential+offset"."""
        return "+".join((self.decay, *self.extras))

    @property
    def slices(self) -> dict[str, slice]:
        """Where the linear terms of the decay ("decay") and of each extra stand among the columns."""
        found: dict[str, slice] = {}
        first = 0
        for name in (self.decay, *self.extras):
            found["decay" if not found else name] = slice(first, first := first + _COLUMNS.get(name, 1))
        return found

    @property
    def n_linear(self) -> int:
        """Number of linear terms, c."""
        return sum(_COLUMNS.get(name, 1) for name in (self.decay, *self.extras))

    def with_extra(self, extra: str) -> Model:
        """The same decay with one linear term more; `extra` is one of `EXTRAS`."""
        return Model(self.decay, tuple(e for e in EXTRAS if e in (*self.extras, extra)))

    def without(self, extra: str) -> Model:
        """The same decay without a linear term."""
        return Model(self.decay, tuple(e for e in self.extras if e != extra))


def linear_terms(
    model: Model, delay_ps: Array, theta: Array, response: Response, population: Array | None = None
) -> Array:
    """The decay and the extras of a model as columns.

    Args:
        model: which.
        delay_ps: delays, shape (t,), ps.
        theta: non-linear parameters, shape (p,): time zero (ps), ln lifetime, ..., the shape parameters of `DECAYS`.
        response: of the instrument.
        population: (SC + CC) / 2 at the delays, shape (t,), for "sum".

    Returns:
        Shape (t, c), each decay of height 1 before the convolution.
    """
    zero, lifetime = theta[0], exp(theta[1])
    shape = theta[len(theta) - len(DECAYS[model.decay]) :]
    columns = _decay_columns(model.decay, delay_ps, zero, lifetime, response, *shape)
    for extra in model.extras:
        if extra == "offset":
            columns.append(np.ones_like(delay_ps))
        elif extra == "plateau":
            columns.append(response.through(lambda sigma: step_response(delay_ps, zero, sigma)))
        elif extra == "sum":
            assert population is not None
            columns.append(population)
        else:
            columns += artefact_terms(delay_ps, zero, response)
    return np.column_stack(columns)


def artefact_terms(delay_ps: Array, time_zero_ps: float, response: Response) -> list[Array]:
    """A coherent artefact: a Gaussian of the response's width and its first two derivatives, three times shape (t,).

    Source: van Stokkum, Larsen, van Grondelle, Biochim. Biophys. Acta 1657, 82 (2004), doi
    10.1016/j.bbabio.2004.04.011.
    """
    x = (delay_ps - time_zero_ps) / (response.fwhm_ps / FWHM_PER_SIGMA)
    bell = np.exp(-0.5 * x * x)
    return [bell, x * bell, (x * x - 1.0) * bell]


def _decay_columns(
    decay: str, delay_ps: Array, zero: float, lifetime: float, response: Response, *shape: float
) -> list[Array]:
    """The decay through the response, height 1 before the convolution, as one column or two.

    `lifetime` is the mean: tau; w tau1 + (1 - w) tau2; (tau / beta) Gamma(1 / beta). Of a delayed decay and an
    oscillation it is tau of the decay.

    Source: mean of a stretched exponential, Lindsey, Patterson, J. Chem. Phys. 73, 3348 (1980), doi 10.1063/1.440530.
    """

    def exponential(tau: float) -> Array:
        return response.through(lambda sigma: exponential_response(delay_ps, zero, tau, sigma))

    if decay == "biexponential":
        weight, fast, slow = biexponential_parts(lifetime, *shape)
        return [weight * exponential(fast) + (1.0 - weight) * exponential(slow)]
    if decay == "stretched":
        (beta,) = shape
        tau = lifetime * beta / gamma(1.0 / beta)
        return [response.through(lambda sigma: stretched_response(delay_ps, zero, tau, sigma, beta))]
    if decay == "delayed":
        return [exponential(lifetime), exponential(lifetime * exp(shape[0]))]
    if decay == "oscillation":
        period = lifetime * exp(shape[0])
        waves = [
            [share * wave for wave in oscillating_response(delay_ps, zero, lifetime, period, sigma)]
            for share, sigma in response.parts
        ]
        return [np.sum(part, axis=0) for part in zip(*waves, strict=True)]
    return [exponential(lifetime)]


def biexponential_parts(lifetime_ps: float, logit_fast: float, log_slow: float) -> tuple[float, float, float]:
    """Weight of the fast part and both lifetimes (ps) of a biexponential of that mean lifetime.

    With tau1 = m / (1 + e^-a) < m and tau2 = m (1 + e^b) > m the weight that gives the mean m lies within 0 and 1.
    """
    fast, slow = 1.0 / (1.0 + exp(-logit_fast)), 1.0 + exp(log_slow)
    return (slow - 1.0) / (slow - fast), lifetime_ps * fast, lifetime_ps * slow
