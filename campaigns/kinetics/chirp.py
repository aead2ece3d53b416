"""Chirp: time zero differs over the wavelengths of a map, as the colours of the probe arrive one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from campaigns.errors import KineticsError, ProbeWindowError
from campaigns.kinetics.columns import mean_over
from campaigns.kinetics.fit import TAKEN_UP, problem_of
from campaigns.kinetics.maps import ProbeWindow, TransientMap, photobleach_peak
from campaigns.kinetics.model import Model
from campaigns.kinetics.select import MAX_SIGNAL_P, best_exponential, signal_p_value
from campaigns.kinetics.solve import Width
from campaigns.kinetics.trace import MIN_DELAYS, Trace

Array = NDArray[np.float64]

#: Neighbouring wavelengths are averaged into so many groups, whose time zeros are fitted.
_GROUPS = 20
#: Order of the polynomial where none was asked for.
ORDER = 2
#: A zero so many times the usual distance off the polynomial is not followed (an artefact, a band that rises later).
_FAR = 4.0


@dataclass(frozen=True, slots=True)
class Chirp:
    """Time zero (ps) over the wavelengths of a map as a polynomial of the wavelength (nm), from `low_nm` to `high_nm`;
    `moved_to_ps` is that of all wavelengths of a map that was corrected, None of one that was not."""

    zero_ps: Polynomial
    low_nm: float
    high_nm: float
    moved_to_ps: float | None = None

    def at(self, wavelength_nm: Array | float) -> Array:
        """Time zero at wavelengths of any shape, ps; beyond the ends as at the ends."""
        return np.asarray(self.zero_ps(np.clip(wavelength_nm, self.low_nm, self.high_nm)), dtype=np.float64)

    def describe(self, window: ProbeWindow) -> str:
        """What it is, in words."""
        low, high, first, last = self.at(np.array([self.low_nm, self.high_nm, window.low_nm, window.high_nm]))
        done = f"left so (chirp {ORDER} corrects it)" if self.moved_to_ps is None else "corrected before averaging"
        return (
            f"Chirp: time zero runs from {low:+.2f} ps at {self.low_nm:.0f} nm to {high:+.2f} ps at {self.high_nm:.0f} "
            f"nm, by {abs(last - first):.2g} ps within the probe window; {done}."
        )


def straightened(
    sc: TransientMap,
    cc: TransientMap,
    asked: int | list[tuple[float, float]] | None = None,
    window_nm: tuple[float, float] | None = None,
) -> tuple[tuple[TransientMap, TransientMap], Chirp | None]:
    """SC and CC with one time zero, that of the probe window or else of the photobleach peak, where an order of the
    polynomial or points (nm, ps) that it goes through are asked for, and the chirp: None where nothing was asked and
    one time zero serves. Raises ProbeWindowError if an order is asked for and too few wavelengths have a signal."""
    chirp = _drawn(asked) if isinstance(asked, list) else _found(sc, cc, asked)
    if chirp is None or asked is None:
        return (sc, cc), chirp
    zero = float(chirp.at(photobleach_peak(sc, cc) if window_nm is None else sum(window_nm) / 2.0))
    return (_moved(sc, chirp, zero), _moved(cc, chirp, zero)), replace(chirp, moved_to_ps=zero)


def _found(sc: TransientMap, cc: TransientMap, order: int | None = None) -> Chirp | None:
    """The polynomial through the population's time zeros; None without an order where one zero serves as well."""
    wavelength, zero, error = _zeros(sc, cc)
    line: Polynomial | None = None
    near = np.ones(len(zero), dtype=bool)
    for _ in range(3):
        if near.sum() < (order or ORDER) + 3:
            break
        line = Polynomial.fit(wavelength[near], zero[near], order or ORDER, w=1.0 / error[near])
        off = np.abs(zero - line(wavelength)) / error
        near = off <= _FAR * max(1.0, 1.4826 * float(np.median(off)))
    if line is None:
        if order is None:
            return None
        raise ProbeWindowError(
            f"{len(zero)} groups of wavelengths show a time zero, too few for a polynomial of order {order}: give "
            "points of the chirp, as 500:-0.2; 550:0.1"
        )
    chirp = Chirp(line, float(wavelength[near].min()), float(wavelength[near].max()))
    if order is None:
        weight = error[near] ** -2.0
        level = float(weight @ zero[near] / weight.sum())
        left = [float(weight @ (zero[near] - curve) ** 2) for curve in (level, line(wavelength[near]))]
        if near.sum() * np.log(max(left[0], 1e-300) / max(left[1], 1e-300)) < TAKEN_UP + 2.0 * ORDER:
            return None
    return chirp


def _drawn(points: list[tuple[float, float]]) -> Chirp:
    """The polynomial through points (nm, ps) that were given, of order 3 where there are more than four."""
    wavelength, zero = np.array(points).T
    line = Polynomial.fit(wavelength, zero, min(len(points) - 1, 3))
    return Chirp(line, float(wavelength.min()), float(wavelength.max()))


def _moved(measured: TransientMap, chirp: Chirp, zero_ps: float) -> TransientMap:
    """The map with its time zero at `zero_ps` everywhere, by a cubic spline, which keeps neighbours' noise apart."""
    delay, scan = np.unique(measured.delay_ps, return_inverse=True)
    values = np.array([mean_over(measured.signal[:, scan == at], axis=1) for at in range(len(delay))]).T
    signal = np.full_like(values, np.nan)
    for row, shift, known in zip(signal, chirp.at(measured.wavelength_nm) - zero_ps, values, strict=True):
        if (there := np.isfinite(known)).sum() >= MIN_DELAYS:
            row[there] = CubicSpline(delay[there], known[there], extrapolate=False)(delay[there] + shift)
    return replace(measured, delay_ps=delay, signal=signal)


def _zeros(sc: TransientMap, cc: TransientMap) -> tuple[Array, Array, Array]:
    """Wavelength (nm), time zero (ps) and its standard error (ps) of each group of wavelengths that shows one."""
    population = mean_over(np.stack([sc.signal, cc.signal]), axis=0)
    found = []
    for group in np.array_split(np.arange(len(sc.wavelength_nm)), min(_GROUPS, len(sc.wavelength_nm))):
        try:
            trace = Trace.of(sc.delay_ps, difference=mean_over(population[group], axis=0))
            problem, _ = problem_of(trace, Width(), None)
        except KineticsError:
            continue
        fit = best_exponential(problem.with_model(Model("exponential", ("offset",))))
        stderr = float(fit.stderr[0])
        if 0.0 < stderr < np.inf and signal_p_value(fit) <= MAX_SIGNAL_P:
            found.append((float(sc.wavelength_nm[group].mean()), float(fit.theta[0]), stderr))
    wavelength, zero, error = np.array(found, dtype=np.float64).reshape(-1, 3).T
    return wavelength, zero, error
