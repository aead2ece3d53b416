"""The trace fit against what is customary: an exponential through the points, with and without the response."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks import kinetics_faults, kinetics_synthetic
from benchmarks.registry import Outcome, Setting, case
from benchmarks.timing import timed
from campaigns.errors import KineticsError
from campaigns.kinetics import Trace, fit_trace

Array = NDArray[np.float64]
TRACES = 120
FWHM = kinetics_synthetic.FWHM


@case("trace-error", "Error of a fitted lifetime, 0.2 to 40 ps, signal to noise 5 to 50", "decades", "one trace")
def errors(setting: Setting) -> Outcome:
    """|log10(fitted / true)|. A fit that fails counts as a whole decade."""
    return _fitted(setting)


@case("trace-short", "Error of a fitted lifetime near the response, 0.06 to 0.4 ps", "decades", "one trace")
def short(setting: Setting) -> Outcome:
    """The same where the response of 0.15 ps hides half of the decay; a bound counts as if it were the lifetime."""
    return _fitted(setting, draw=_faultless(0.06, 0.4))


@case("trace-bad-point", "Error of a fitted lifetime, one bad point of ten times the signal", "decades", "one trace")
def bad_point(setting: Setting) -> Outcome:
    """The same with a point of a cosmic ray in SC, lifetimes of 0.5 to 20 ps."""
    return _fitted(setting, draw=_with_fault("one bad point, 10x"))


@case("trace-unequal", "Error of a fitted lifetime, CC measured with nine tenths of the power", "decades", "one trace")
def unequal(setting: Setting) -> Outcome:
    """The same with a population of 50 ps that unequal power leaves in SC - CC."""
    return _fitted(setting, draw=_with_fault("CC x 0.9, population 50 ps"))


@case("trace-zeros", "Error of a fitted lifetime, time zero of CC 0.05 ps later", "decades", "one trace")
def zeros(setting: Setting) -> Outcome:
    """The same with own time zeros of SC and CC."""
    return _fitted(setting, draw=_with_fault("zero of CC 0.05 ps later"))


@case("trace-artefact", "Error of a fitted lifetime, a coherent artefact at time zero", "decades", "one trace")
def artefact(setting: Setting) -> Outcome:
    """The same with an artefact as high as half the signal."""
    return _fitted(setting, draw=_with_fault("spike +0.5"))


@case("trace-time", "Time of a trace fit", "CPU s", "one trace")
def times(setting: Setting) -> Outcome:
    """Ours compares every model and profiles its interval; the others fit one model once."""
    return _fitted(setting, seconds=True)


#: A trace and its true lifetime (ps), for the generator and the trace's number.
Draw = Callable[[np.random.Generator, int], tuple[Trace, float]]


def _faultless(shortest: float = 0.2, longest: float = 40.0) -> Draw:
    def draw(rng: np.random.Generator, at: int) -> tuple[Trace, float]:
        lifetime = float(np.exp(rng.uniform(np.log(shortest), np.log(longest))))
        return kinetics_synthetic.one(rng, at, lifetime, float(np.exp(rng.uniform(np.log(5), np.log(50))))), lifetime

    return draw


def _with_fault(name: str) -> Draw:
    def draw(rng: np.random.Generator, _: int) -> tuple[Trace, float]:
        crystal = kinetics_faults.FAULTS[name](kinetics_faults.drawn(rng), rng)
        return crystal.measure(rng), crystal.lifetime_ps

    return draw


def _fitted(setting: Setting, *, seconds: bool = False, draw: Draw | None = None) -> Outcome:
    draw = draw or _faultless()
    rng = np.random.default_rng(setting.seed)
    contenders = {"spinscreen": _ours, "SciPy, with the response": _with_response, "lmfit, tail only": _tail}
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    covered: dict[str, list[bool]] = {name: [] for name in contenders}
    for at in range(setting.times(TRACES)):
        trace, lifetime = draw(rng, at)
        for name, fit in contenders.items():
            (found, low, high), spent = timed(lambda fit=fit, trace=trace: fit(trace))
            error = abs(np.log10(found / lifetime)) if np.isfinite(found) and found > 0 else 1.0
            samples[name].append(spent if seconds else min(float(error), 1.0))
            covered[name].append(low <= lifetime <= high)
    held = [
        f"95% intervals of {name} hold {np.mean(inside):.0%} of the true lifetimes" for name, inside in covered.items()
    ]
    return Outcome(samples, notes=held)


def _ours(trace: Trace) -> tuple[float, float, float]:
    try:
        fit = fit_trace(trace, FWHM)
    except KineticsError:
        return np.nan, np.inf, -np.inf
    return fit.lifetime_ps, fit.lifetime_low_ps, np.inf if fit.lifetime_high_ps is None else fit.lifetime_high_ps


def _with_response(trace: Trace) -> tuple[float, float, float]:
    """Least squares of an exponential through a Gaussian response, started at the peak, one model."""
    from scipy.optimize import curve_fit
    from scipy.special import erfc, erfcx

    s = FWHM / 2.3548200450309493

    def curve(t: Array, height: float, zero: float, log_tau: float) -> Array:
        tau = np.exp(log_tau)
        x, k = (t - zero) / s, s / tau
        z = (k - x) / np.sqrt(2)
        late = np.exp(np.minimum(k * k / 2 - k * x, 50.0)) * erfc(np.minimum(z, 0.0))
        return height / 2 * np.where(z > 0, erfcx(np.maximum(z, 0.0)) * np.exp(-0.5 * x**2), late)

    t, y = trace.delay_ps, trace.signal
    try:
        best, spread = curve_fit(curve, t, y, (float(y.max()), float(t[y.argmax()]) - s, 0.0), maxfev=2000)
    except RuntimeError:
        return np.nan, np.inf, -np.inf
    return _interval(float(best[2]), float(np.sqrt(spread[2, 2])))


def _tail(trace: Trace) -> tuple[float, float, float]:
    """lmfit's exponential from one response width after the peak."""
    from lmfit.models import ExponentialModel

    t, y = trace.delay_ps, trace.signal
    later = t > t[y.argmax()] + FWHM
    if later.sum() < 5:
        return np.nan, np.inf, -np.inf
    model = ExponentialModel()
    try:
        done = model.fit(y[later], model.guess(y[later], x=t[later]), x=t[later])
    except (ValueError, TypeError):
        return np.nan, np.inf, -np.inf
    tau, error = done.params["decay"].value, done.params["decay"].stderr
    if tau is None or tau <= 0 or error is None:
        return np.nan if tau is None else tau, np.inf, -np.inf
    return tau, tau - 1.96 * error, tau + 1.96 * error


def _interval(log_tau: float, error: float) -> tuple[float, float, float]:
    return tuple(float(np.exp(log_tau + by * error)) for by in (0.0, -1.96, 1.96))  # type: ignore[return-value]
