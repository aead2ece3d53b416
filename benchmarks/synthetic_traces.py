"""Traces and maps with a known lifetime, for benchmarks, tests and planning a measurement."""

from __future__ import annotations

from dataclasses import dataclass
from math import gamma

import numpy as np
from numpy.typing import NDArray

from campaigns.errors import FitSettingError
from campaigns.kinetics.maps import TransientMap
from campaigns.kinetics.model import FWHM_PER_SIGMA, Model, Response, linear_terms
from campaigns.kinetics.trace import Trace

Array = NDArray[np.float64]


def curves(
    name: str, delay_ps: Array, time_zero_ps: float, lifetime_ps: float, sigma_ps: float, *shape: float
) -> Array:
    """The rows of a model through a Gaussian response at delays in any order, shape (rows, t), each of height 1 before
    it; the lifetime is the mean, `shape` are the further parameters of the decay."""
    order = np.argsort(delay_ps, kind="stable")
    theta = np.array([time_zero_ps, np.log(lifetime_ps), *shape])
    response = Response(sigma_ps * FWHM_PER_SIGMA)
    rows = np.empty((Model.parse(name).n_linear, len(order)))
    rows[:, order] = linear_terms(Model.parse(name), np.asarray(delay_ps)[order], theta, response, {})[0]
    return rows


def exponential_response(delay_ps: Array, time_zero_ps: float, lifetime_ps: float, sigma_ps: float) -> Array:
    """exp(-t / tau) from time zero through the Gaussian response, shape (t,)."""
    return curves("exponential", delay_ps, time_zero_ps, lifetime_ps, sigma_ps)[0]


def step_response(delay_ps: Array, time_zero_ps: float, sigma_ps: float) -> Array:
    """A signal that rises at time zero and stays, through the response, shape (t,)."""
    return curves("exponential+plateau", delay_ps, time_zero_ps, 1.0, sigma_ps)[1]


def stretched_response(delay_ps: Array, time_zero_ps: float, lifetime_ps: float, sigma_ps: float, beta: float) -> Array:
    """exp(-(t / tau)^beta) through the response, shape (t,); `lifetime_ps` is tau, not the mean."""
    return curves("stretched", delay_ps, time_zero_ps, lifetime_ps / beta * gamma(1.0 / beta), sigma_ps, beta)[0]


def oscillating_response(
    delay_ps: Array, time_zero_ps: float, lifetime_ps: float, period_ps: float, sigma_ps: float
) -> tuple[Array, Array]:
    """exp(-t / tau) cos(2 pi t / T) and exp(-t / tau) sin(2 pi t / T) through the response, shape (t,) each."""
    ratio = np.log(period_ps / lifetime_ps)
    cosine, sine = curves("oscillation", delay_ps, time_zero_ps, lifetime_ps, sigma_ps, ratio)
    return cosine, sine


def delay_grid(kind: str, n_delays: int, lifetime_ps: float) -> Array:
    """Delays, shape (t,), ps, as one would measure such a lifetime: 1 ps before zero to eight lifetimes, at least 4 ps.

    Args:
        kind: "linear" for even steps; "log" for half of them even from -1 to 1 ps and the rest even in logarithm.
        n_delays: how many.
        lifetime_ps: expected lifetime, ps.

    Raises:
        FitSettingError: for another kind.
    """
    end = max(4.0, 8.0 * lifetime_ps)
    if kind == "linear":
        return np.linspace(-1.0, end, n_delays)
    if kind == "log":
        half = n_delays // 2
        return np.concatenate([np.linspace(-1.0, 1.0, half, endpoint=False), np.geomspace(1.0, end, n_delays - half)])
    raise FitSettingError(f"no grid {kind!r}: use linear or log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a synthetic measurement is made from.

    Attributes:
        lifetime_ps: tau of the difference, ps.
        snr: largest difference over the standard deviation of the difference's noise, of one pixel of a map.
        irf_fwhm_ps: full width of the Gaussian response, ps.
        time_zero_ps: centre of the response, ps.
        height: largest difference, in the unit of the signal; negative for a bleach.
        offset: baseline of the difference at all delays, in units of `height`.
        plateau: difference that stays after time zero, in units of `height`.
        population_ps: lifetime of the population SC + CC, ps.
    """

    lifetime_ps: float
    snr: float
    irf_fwhm_ps: float = 0.15
    time_zero_ps: float = 0.0
    height: float = 1.0
    offset: float = 0.0
    plateau: float = 0.0
    population_ps: float = 1000.0


def synthetic_trace(rng: np.random.Generator, delay_ps: Array, truth: Truth) -> Trace:
    """SC and CC of a polarisation that decays, with Gaussian noise, at the delays of shape (t,), ps."""
    noise = rng.normal(scale=2.0**-0.5 / truth.snr, size=(2, len(delay_ps)))
    sc, cc = (truth.height * (part + noisy) for part, noisy in zip(_parts(delay_ps, truth), noise, strict=True))
    return Trace.of(delay_ps, sc=sc, cc=cc)


def synthetic_map(
    rng: np.random.Generator,
    wavelength_nm: Array,
    delay_ps: Array,
    truth: Truth,
    *,
    peak_nm: float,
    width_nm: float = 8.0,
) -> tuple[TransientMap, TransientMap]:
    """SC and CC maps of one Gaussian bleach band with a weaker absorption band at its red side.

    Args:
        rng: source of the noise.
        wavelength_nm: shape (w,), nm, ascending.
        delay_ps: shape (t,), ps, ascending.
        truth: of the peak.
        peak_nm: centre of the bleach, nm.
        width_nm: standard deviation of both bands, nm.
    """
    bands = np.exp(-0.5 * ((wavelength_nm - peak_nm) / width_nm) ** 2)
    bands = bands - 0.4 * np.exp(-0.5 * ((wavelength_nm - peak_nm - 3.0 * width_nm) / width_nm) ** 2)
    shape = (len(wavelength_nm), len(delay_ps))
    sc, cc = (
        TransientMap(
            wavelength_nm,
            delay_ps,
            truth.height * (np.outer(bands, part) + rng.normal(scale=2.0**-0.5 / truth.snr, size=shape)),
            1,
            (),
            (),
        )
        for part in _parts(delay_ps, truth)
    )
    return sc, cc


def _parts(delay_ps: Array, truth: Truth) -> tuple[Array, Array]:
    """SC and CC without noise in units of the largest difference, each shape (t,)."""
    sigma, zero = truth.irf_fwhm_ps / FWHM_PER_SIGMA, truth.time_zero_ps
    decay = exponential_response(delay_ps, zero, truth.lifetime_ps, sigma)
    difference = decay / decay.max() + truth.offset + truth.plateau * step_response(delay_ps, zero, sigma)
    population = 2.0 * exponential_response(delay_ps, zero, truth.population_ps, sigma)
    return population + 0.5 * difference, population - 0.5 * difference
