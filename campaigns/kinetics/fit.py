"""From a trace to a lifetime with its error bar, or to an upper bound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, inf, isfinite, log

import numpy as np
from numpy.typing import NDArray

from campaigns.kinetics.cautions import cautions, seem_swapped, signal_p_value, tests_of
from campaigns.kinetics.errors import FitSettingError, NoSignalError, NoTimeZeroError, TooFewDelaysError
from campaigns.kinetics.interval import Interval, profile
from campaigns.kinetics.model import Model
from campaigns.kinetics.result import TraceFit
from campaigns.kinetics.select import ModelScore, best_exponential, choose_extras, compare, reach
from campaigns.kinetics.solve import Problem, Solution, guesses, solve
from campaigns.kinetics.trace import MIN_DELAYS, Trace

Array = NDArray[np.float64]

#: A lifetime whose interval reaches below this share of the response's width is reported as a bound. Below it the
#: curve is a Gaussian but for a slight asymmetry, which no real response is known well enough to be told from.
RESOLUTION = 1.0 / 3.0
#: Noise must be this unlikely to fake the decay.
MAX_SIGNAL_P = 0.01
#: Without its rise a trace must fit worse by this likelihood ratio: three standard deviations.
MIN_RISE = 9.0
#: Longer traces are averaged in equal groups of neighbours: the fit gains nothing from more points.
MAX_POINTS = 20_000


def fit_trace(
    trace: Trace,
    irf_fwhm_ps: float | None = None,
    *,
    model: str = "auto",
    time_zero_ps: float | None = None,
    confidence: float = 0.95,
) -> TraceFit:
    """Fit a decay seen through a Gaussian response to the difference SC - CC.

    Args:
        trace: the measured trace.
        irf_fwhm_ps: full width at half maximum of the response, ps; None fits it.
        model: "auto" takes a single exponential, with an offset or plateau where the AICc asks for it, and compares
            it with the biexponential and stretched decay without taking them; else "exponential" or "stretched", each
            with "+offset", "+plateau" or both.
        time_zero_ps: time zero where it is known, ps; None fits it. A trace without its rise needs it.
        confidence: of the profile-likelihood interval.

    Raises:
        TooFewDelaysError: if fewer than 12 delays are different.
        FitSettingError: for a width that is not positive, a confidence not between 0.5 and 1, an unknown model.
        NoSignalError: if the trace is constant, or no decay stands out of the noise.
        NoTimeZeroError: if the trace begins after its rise and no `time_zero_ps` is given.

    Example:
        >>> import numpy as np
        >>> from campaigns.kinetics import Trace, fit_trace
        >>> delay_ps = np.linspace(-1.0, 25.0, 200)
        >>> decay = np.where(delay_ps > 0, np.exp(-delay_ps / 3.0), 0.0)
        >>> noise = np.random.default_rng(0).normal(scale=0.01, size=(2, 200))
        >>> trace = Trace.of(delay_ps, sc=1 + decay / 2 + noise[0], cc=1 - decay / 2 + noise[1])
        >>> 2.8 < fit_trace(trace, 0.1).lifetime_ps < 3.2
        True
    """
    _check_settings(trace, irf_fwhm_ps, confidence)
    chosen = None if model == "auto" else _reportable(Model.parse(model))
    delay, signal, scale = _scaled(trace)
    problem = _problem(delay, signal, irf_fwhm_ps, time_zero_ps)
    plain = best_exponential(problem, guesses(delay, signal, irf_fwhm_ps))
    p_value = _require_signal(plain)
    best, candidates = _choose(plain, chosen)
    if time_zero_ps is None:
        _require_rise(best)
    members = [solve(best.problem, best.theta)]
    if chosen is None:
        members.append(solve(best.problem.with_model(_other_offset(best.problem.model)), members[0].theta))
    members, interval = profile(members, confidence)
    return _result(trace, members[0], interval, compare(candidates), p_value, scale, confidence)


def _check_settings(trace: Trace, irf_fwhm_ps: float | None, confidence: float) -> None:
    if irf_fwhm_ps is not None and not (isfinite(irf_fwhm_ps) and irf_fwhm_ps > 0.0):
        raise FitSettingError(
            f"a response of {irf_fwhm_ps:g} ps: its full width must be positive (leave it out to fit it)"
        )
    if not 0.5 <= confidence < 1.0:
        raise FitSettingError(f"a confidence of {confidence:g}: give a number from 0.5 to below 1, such as 0.95")
    if len(np.unique(trace.delay_ps)) < MIN_DELAYS:
        raise TooFewDelaysError(
            f"only {len(np.unique(trace.delay_ps))} different delays; a lifetime needs at least {MIN_DELAYS}"
        )


def _reportable(model: Model) -> Model:
    if model.decay == "biexponential":
        raise FitSettingError(
            "a biexponential has no single lifetime to report; it is always compared, with its two parts "
            "(TraceFit.comparison). Use auto, exponential or stretched, or leave out delays to keep one part"
        )
    return model


def _scaled(trace: Trace) -> tuple[Array, Array, float]:
    """Delays, signal over its largest magnitude, and that magnitude; averaged in groups where there are too many."""
    delay, signal = trace.delay_ps, trace.signal
    if len(delay) > MAX_POINTS:
        size = -(-len(delay) // MAX_POINTS)
        kept = len(delay) // size * size
        delay, signal = (values[:kept].reshape(-1, size).mean(axis=1) for values in (delay, signal))
    spread = float(np.ptp(signal))
    if spread <= 1e-12 * float(np.abs(signal).max()):
        raise NoSignalError(
            f"the difference SC - CC is constant ({float(signal[0]):g} at all {len(signal)} delays): "
            "SC and CC may be the same file, or the detector was blocked"
        )
    scale = float(np.abs(signal).max())
    return delay, signal / scale, scale


def _problem(delay: Array, signal: Array, fwhm_ps: float | None, time_zero_ps: float | None) -> Problem:
    """The plain single exponential with limits that only keep the search from running away."""
    step, span = np.diff(np.unique(delay)), float(np.ptp(delay))
    finest = float(step.min())
    shortest = (fwhm_ps if fwhm_ps is not None else finest) / 100.0
    limits = (min(shortest, finest), 1000.0 * span)
    return Problem(delay, signal, Model("exponential"), fwhm_ps, time_zero_ps, limits, (finest / 4.0, span / 4.0))


def _require_signal(plain: Solution) -> float:
    problem = plain.problem
    p_value = signal_p_value(problem.signal, plain.at.cost, int(problem.free.sum()))
    if p_value > MAX_SIGNAL_P:
        raise NoSignalError(
            f"no decay stands out of the noise in {len(problem.signal)} delays from {problem.delay_ps[0]:g} to "
            f"{problem.delay_ps[-1]:g} ps (noise alone would look like this with probability {min(p_value, 1.0):.2g}); "
            "check the probe window and the polarisations, or average more scans"
        )
    return p_value


def _choose(plain: Solution, chosen: Model | None) -> tuple[Solution, list[Solution]]:
    """The fit to report, and every candidate of the comparison."""
    simple = choose_extras(plain)
    extras = simple.problem.model.extras if chosen is None else chosen.extras
    candidates = {"exponential": plain}
    # A plateau is the slow part of a biexponential already.
    rivals = [Model("biexponential", tuple(e for e in extras if e != "plateau")), Model("stretched", extras)]
    for model in (Model("exponential", ("offset",)), Model("exponential", extras), *rivals):
        if model.name not in candidates:
            candidates[model.name] = reach(simple if chosen is None else plain, model)
    best = simple if chosen is None else candidates[chosen.name]
    candidates[best.problem.model.name] = best
    return best, list(candidates.values())


def _other_offset(model: Model) -> Model:
    if "offset" in model.extras:
        return Model(model.decay, tuple(extra for extra in model.extras if extra != "offset"))
    return model.with_extra("offset")


def _require_rise(best: Solution) -> None:
    """The rise must be seen: a decay that was under way at the first delay must fit worse."""
    problem = best.problem
    width = problem.fwhm_ps if problem.fwhm_ps is not None else problem.fwhm_limits[0]
    tail = replace(problem, fwhm_ps=width, time_zero_ps=float(problem.delay_ps[0]) - 3.0 * width)
    cost = solve(tail, tail.start(0.0, best.lifetime_ps, width), tol=1e-7, most=30).at.cost
    if len(problem.signal) * log(cost / max(best.at.cost, 1e-300)) < MIN_RISE:
        raise NoTimeZeroError(
            f"the trace begins at {problem.delay_ps[0]:g} ps, after its rise: time zero cannot be placed. "
            "Measure from before zero, or give the known time zero (time_zero_ps, --time-zero) to fit the tail"
        )


@dataclass(frozen=True, slots=True)
class _Lifetime:
    value: float
    stderr: float | None
    low: float
    high: float
    is_bound: bool


def _lifetime(solution: Solution, interval: Interval) -> _Lifetime:
    value = solution.lifetime_ps
    low = 0.0 if interval.low is None else exp(interval.low)
    high = inf if interval.high is None else exp(interval.high)
    resolution = RESOLUTION * solution.problem.fwhm(solution.theta)
    if low < resolution:
        if high == inf:
            raise NoSignalError("the trace bounds the lifetime on neither side: average more scans")
        bound = max(high, resolution)
        return _Lifetime(bound, None, 0.0, bound, True)
    stderr = value * float(solution.stderr[1])
    return _Lifetime(value, stderr if isfinite(stderr) else None, low, high, False)


def _result(
    trace: Trace,
    solution: Solution,
    interval: Interval,
    comparison: tuple[ModelScore, ...],
    p_value: float,
    scale: float,
    confidence: float,
) -> TraceFit:
    life, tests, problem = _lifetime(solution, interval), tests_of(solution, p_value), solution.problem
    heights = dict(zip(("decay", *problem.model.extras), solution.at.coefficients * scale, strict=True))
    swapped = seem_swapped(trace, solution, scale)
    spread = float(np.sum((problem.signal - problem.signal.mean()) ** 2))
    return TraceFit(
        lifetime_ps=life.value,
        lifetime_stderr_ps=life.stderr,
        lifetime_low_ps=life.low,
        lifetime_high_ps=life.high,
        is_upper_bound=life.is_bound,
        irf_fwhm_ps=problem.fwhm(solution.theta),
        irf_fitted=problem.fwhm_ps is None,
        model=problem.model.name,
        aicc=solution.aicc,
        r_squared=1.0 - solution.at.cost / spread,
        confidence=confidence,
        time_zero_ps=float(solution.theta[0]),
        time_zero_stderr_ps=float(solution.stderr[0]),
        amplitude=float(heights["decay"]),
        offset=float(heights.get("offset", 0.0)),
        plateau=float(heights.get("plateau", 0.0)),
        noise=solution.noise * scale,
        comparison=comparison,
        tests=tests,
        swapped=swapped,
        warnings=cautions(solution, comparison, tests, life.high, swapped),
        trace=trace,
        theta=tuple(float(value) for value in solution.theta),
    )
