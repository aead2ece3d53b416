"""The decay models that are compared: their names, their parameters, their curves.

Every decay that only falls is written in terms of its mean lifetime, so one number means the same in all of them and
one profile serves all: the area under the decay divided by its initial height. For a single exponential that is tau.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, gamma, log, sqrt

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.special import digamma, erfc, erfcx, ndtr, wofz

from campaigns.errors import FitSettingError

Array = NDArray[np.float64]

#: Full width at half maximum of a Gaussian in units of its standard deviation: 2 sqrt(2 ln 2).
FWHM_PER_SIGMA = 2.0 * sqrt(2.0 * log(2.0))
_SQRT2, _SQRT_2PI = sqrt(2.0), sqrt(2.0 * np.pi)

#: Past this many standard deviations after time zero the start of a stretched decay is out of the response's reach.
_FAR = 9.0
_NEAR_NODES, _NEAR_WEIGHTS = leggauss(32)
_FAR_NODES, _FAR_WEIGHTS = hermegauss(7)


def _exponential(x: Array, k: float) -> Array:
    """exp(-t / tau) from time zero through the Gaussian response, height 1 before it, at ascending x = (t - t0) / s,
    shape (t,), with k = s / tau. (1/2) exp(k^2/2 - k x) erfc((k - x) / sqrt 2). Before the point x = k the exponential
    overflows while erfc underflows; there the equal form (1/2) exp(-x^2/2) erfcx((k - x) / sqrt 2) is used. Nine
    standard deviations before time zero it is 0, and as far after x = k it is the exponential, to 1e-18. Source: van
    Stokkum, Larsen, van Grondelle, Biochim. Biophys. Acta 1657, 82 (2004), doi 10.1016/j.bbabio.2004.04.011; the scaled
    form, Kalambet et al., J. Chemom. 25, 352 (2011), doi 10.1002/cem.1343."""
    start, middle, end = np.searchsorted(x, (-_FAR, k, k + _FAR))
    curve = np.zeros_like(x)
    early, late = x[start:middle], x[middle:end]
    curve[start:middle] = 0.5 * np.exp(-0.5 * early * early) * erfcx((k - early) / _SQRT2)
    curve[middle:end] = 0.5 * np.exp(k * (0.5 * k - late)) * erfc((k - late) / _SQRT2)
    curve[end:] = np.exp(k * (0.5 * k - x[end:]))
    return curve


def _stretched(x: Array, k: float, beta: float) -> Array:
    """exp(-(t / tau)^beta), 0 < beta <= 1, through the response as `_exponential`, and its derivatives by x, by ln k
    and by beta, shape (4, t). No closed form exists. Within nine standard deviations of time zero the integral over the
    decay's own time is taken by Gauss-Legendre after the substitution v = c u^2, which removes the infinite slope at
    the start; further out by Gauss-Hermite. Against adaptive quadrature the error is below 1e-6 of the height (tested;
    2e-8 seen)."""
    rows = np.zeros((4, len(x)))
    near, far = (x > -_FAR) & (x <= _FAR), x > _FAR
    # phi(x - v) exp(-(k v)^beta) over v from 0 to x + 6, the reach of the response
    at = x[near]
    low, high = np.sqrt(np.maximum(at - 6.0, 0.0)), np.sqrt(np.maximum(at, 0.0) + 6.0)
    half = 0.5 * (high - low)
    u = 0.5 * (high + low)[:, None] + half[:, None] * _NEAR_NODES
    v = u * u
    weights = np.exp(-0.5 * (at[:, None] - v) ** 2) * u * (half[:, None] * _NEAR_WEIGHTS * (2.0 / _SQRT_2PI))
    rows[:, near] = _stretched_rows(weights, v, k, beta)
    rows[1, near] = np.sum((v - at[:, None]) * weights * np.exp(-((k * v) ** beta)), axis=1)
    v = x[far, None] - _FAR_NODES
    rows[:, far] = _stretched_rows(np.broadcast_to(_FAR_WEIGHTS / _SQRT_2PI, v.shape), v, k, beta)
    return rows


def _stretched_rows(weights: Array, v: Array, k: float, beta: float) -> Array:
    """Sums of exp(-(k v)^beta) and its derivatives by v, ln k and beta, shape (4, t), over nodes and weights (t, n)."""
    log_kv = np.log(np.maximum(k * v, 1e-300))
    power = np.exp(beta * log_kv)
    curve = weights * np.exp(-power)
    by_log = -beta * curve * power
    return np.stack([rows.sum(axis=1) for rows in (curve, by_log / v, by_log, by_log * log_kv / beta)])


def _oscillating(x: Array, k: complex) -> NDArray[np.complex128]:
    """`_exponential` with the complex rate k = s / tau - 2 pi i s / T. Source: Poppe, Wijers, ACM Trans. Math. Softw.
    16, 38 (1990), doi 10.1145/77626.77629."""
    z = (k - x) / _SQRT2
    late = z.real < 0.0
    curve: NDArray[np.complex128] = 0.5 * np.exp(-0.5 * x * x) * wofz(np.where(late, -1j, 1j) * z)
    curve[late] = np.exp(0.5 * k * k - k * x[late]) - curve[late]
    return curve


#: Pulse shapes as sums of Gaussians: share and standard deviation, in units of the full width at half maximum, of each.
#: The three of a sech^2 pulse follow it to 3e-4 of its height (least squares over three full widths).
RESPONSES: dict[str, tuple[tuple[float, float], ...]] = {
    "gaussian": ((1.0, 1.0 / FWHM_PER_SIGMA),),
    "sech2": ((0.192669, 0.299273), (0.579624, 0.462142), (0.227707, 0.732361)),
}
#: Nodes and weights of the mean over the time between two zeros.
_BETWEEN = np.stack(leggauss(5))


@dataclass(frozen=True, slots=True)
class Response:
    """The instrument response: full width at half maximum (ps), pulse shape (a key of `RESPONSES`), and by how much the
    zero of CC is later than that of SC (ps)."""

    fwhm_ps: float
    shape: str = "gaussian"
    apart_ps: float = 0.0

    @property
    def sigma_ps(self) -> float:
        """Standard deviation of a Gaussian of that width, ps."""
        return self.fwhm_ps / FWHM_PER_SIGMA

    @property
    def parts(self) -> list[tuple[float, float, float]]:
        """Share, standard deviation (ps) and shift (ps) of each Gaussian it is made of."""
        shifts = ((1.0, 0.0),) if not self.apart_ps else ((0.5, -0.5 * self.apart_ps), (0.5, 0.5 * self.apart_ps))
        return [
            (share * half, width * self.fwhm_ps, shift)
            for share, width in RESPONSES[self.shape]
            for half, shift in shifts
        ]


#: Shape parameters each decay has beside its lifetime, with start, lower and upper limit: logarithms of a ratio to the
#: lifetime for the rise of "delayed" and the period of "oscillation".
DECAYS: dict[str, dict[str, tuple[float, float, float]]] = {
    "exponential": {},
    "biexponential": {"logit_fast": (-1.0, -6.0, 6.0), "log_slow": (0.0, -6.0, 6.0)},
    "stretched": {"beta": (0.8, 0.2, 1.0)},
    "delayed": {"log_rise": (-1.5, -6.0, -0.05)},
    "oscillation": {"log_period": (0.0, -4.0, 2.5)},
}
#: Linear terms a decay may stand on: a baseline at all delays, one that drifts over the scan, a plateau that rises at
#: time zero and stays, a share of (SC + CC) / 2 (unequal pump power, imperfect polarisation), what zeros of SC and CC
#: that differ leave of the population's rise, a coherent artefact at time zero.
EXTRAS = ("offset", "drift", "plateau", "sum", "zeros", "spike")
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
        """Where the linear terms of the decay ("decay") and of each extra stand among the rows."""
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
    model: Model, delay_ps: Array, theta: Array, response: Response, beside: Mapping[str, Array]
) -> tuple[Array, Array]:
    """The decay and the extras of a model, and their derivatives. `model`: which; `delay_ps`: delays, shape (t,), ps,
    ascending; `theta`: non-linear parameters, shape (p,): time zero (ps), ln lifetime, ln width where it is fitted,
    the shape parameters of `DECAYS`; `response`: of the instrument, of that width; `beside`: the extras that depend
    on no parameter, at the delays, shape (t,) each: "sum" and "drift". Returns shape (c, t), each decay of height 1
    before the convolution; derivatives by `theta`, shape (c, p, t)."""
    first = len(theta) - len(DECAYS[model.decay])
    terms = np.zeros((model.n_linear, len(delay_ps)))
    slopes = np.zeros((len(terms), len(theta), terms.shape[1]))
    lifetime, shape = exp(theta[1]), theta[first:].tolist()
    rows = model.slices

    def add(row: int, part: tuple[float, float, Array], curve: Array, by_x: Array, *by: Array) -> None:
        """A curve of (t - t0) / sigma and sigma / lifetime, with its derivatives by x, ln lifetime, shape."""
        share, sigma, x = part
        terms[row] += share * curve
        slopes[row, 0] -= (share / sigma) * by_x
        if first == 3:
            slopes[row, 2] -= share * (x * by_x + by[0] if by else x * by_x)
        for column, slope in zip((1, *range(first, len(theta))), by, strict=False):
            slopes[row, column] += share * slope

    for share, sigma, shift in response.parts:
        x = (delay_ps - (theta[0] + shift)) / sigma
        bell, part = np.exp(-0.5 * x * x) / _SQRT_2PI, (share, sigma, x)
        for row, curves in enumerate(_decays(model.decay, x, sigma / lifetime, bell, shape)):
            add(row, part, *curves)
        if "plateau" in rows:
            add(rows["plateau"].start, part, ndtr(x), bell)
    sigma = response.sigma_ps
    if "zeros" in rows:
        nodes, weights = (_BETWEEN if response.apart_ps else np.array([[0.0], [2.0]]))[:, :, None]
        at = (delay_ps - (theta[0] + 0.5 * response.apart_ps * nodes)) / sigma
        bell = 0.5 * weights * np.exp(-0.5 * at * at)
        by_x, by_width, row = at * bell, at * at * bell, rows["zeros"].start
        terms[row], slopes[row, 0] = bell.sum(axis=0), by_x.sum(axis=0) / sigma
        if first == 3:
            slopes[row, 2] = by_width.sum(axis=0)
    if "spike" in rows:  # van Stokkum, Larsen, van Grondelle, doi 10.1016/j.bbabio.2004.04.011
        x = (delay_ps - theta[0]) / sigma
        bell, part, row = np.exp(-0.5 * x * x), (1.0, sigma, x), rows["spike"].start
        add(row, part, bell, -x * bell)
        add(row + 1, part, x * bell, (1.0 - x * x) * bell)
        add(row + 2, part, (x * x - 1.0) * bell, (3.0 - x * x) * x * bell)
    if "offset" in rows:
        terms[rows["offset"]] = 1.0
    for name in rows.keys() & beside.keys():
        terms[rows[name]] = beside[name]
    return terms, slopes


def _decays(decay: str, x: Array, k: float, bell: Array, shape: list[float]) -> list[tuple[Array, ...]]:
    """The decay through one Gaussian, height 1 before the convolution, as one row or two: the curve and its derivatives
    by x, by ln lifetime and by each shape parameter, shape (t,) each. k is sigma over the lifetime, which is the mean:
    tau; w tau1 + (1 - w) tau2; (tau / beta) Gamma(1 / beta). Of a delayed decay and an oscillation it is tau of the
    decay. With f the curve of an exponential and phi the density, df/dk = (k - x) f - phi and df/dx = phi - k f.
    Source: mean of a stretched exponential, Lindsey, Patterson, J. Chem. Phys. 73, 3348 (1980), doi
    10.1063/1.440530."""

    def exponential(k: float) -> tuple[Array, Array, Array]:
        curve = _exponential(x, k)
        return curve, bell - k * curve, k * (bell - (k - x) * curve)

    if decay == "biexponential":
        weight, fast, slow = biexponential_parts(1.0, *shape)
        (one, one_x, one_tau), (two, two_x, two_tau) = exponential(k / fast), exponential(k / slow)
        moved = (one - two) * ((slow - 1.0) / (slow - fast) ** 2)
        return [
            (
                weight * one + (1.0 - weight) * two,
                weight * one_x + (1.0 - weight) * two_x,
                weight * one_tau + (1.0 - weight) * two_tau,
                (1.0 - fast) * (weight * one_tau + fast * moved),
                (1.0 - weight) * two_tau * ((slow - 1.0) / slow) + (1.0 - fast) * moved,
            )
        ]
    if decay == "stretched":
        (beta,) = shape
        curve, by_x, by_k, by_beta = _stretched(x, k * gamma(1.0 / beta) / beta, beta)
        return [(curve, by_x, -by_k, by_beta - by_k * (1.0 / beta + float(digamma(1.0 / beta)) / beta**2))]
    if decay == "delayed":
        late, early = exponential(k), exponential(k * exp(-shape[0]))
        return [(*late, np.zeros_like(x)), (*early, early[2])]
    if decay == "oscillation":
        turn = 2j * np.pi * exp(-shape[0])
        wave = _oscillating(x, k - k * turn)
        by_k = (k - k * turn - x) * wave - bell
        rows = (wave, bell - (k - k * turn) * wave, -(k - k * turn) * by_k, k * turn * by_k)
        return [tuple(row.real for row in rows), tuple(row.imag for row in rows)]
    return [exponential(k)]


def biexponential_parts(lifetime_ps: float, logit_fast: float, log_slow: float) -> tuple[float, float, float]:
    """Weight of the fast part and both lifetimes (ps) of a biexponential of that mean lifetime. With tau1 = m / (1 +
    e^-a) < m and tau2 = m (1 + e^b) > m the weight that gives the mean m lies within 0 and 1."""
    fast, slow = 1.0 / (1.0 + exp(-logit_fast)), 1.0 + exp(log_slow)
    return (slow - 1.0) / (slow - fast), lifetime_ps * fast, lifetime_ps * slow
