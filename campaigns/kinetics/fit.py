"""From a trace to a lifetime with its error bar, or to an upper bound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, inf, isfinite, log

import numpy as np
from numpy.typing import NDArray

from campaigns.kinetics.errors import FitSettingError, KineticsError, NoSignalError, NoTimeZeroError, TooFewDelaysError
from campaigns.kinetics.model import Model
from campaigns.kinetics.result import TraceFit
from campaigns.kinetics.select import (
    ModelScore,
    ResidualTests,
    best_exponential,
    choose_extras,
    compare,
    fit_model,
    reach,
    signal_p_value,
    tests_of,
)
from campaigns.kinetics.solve import BetterFit, Interval, Problem, Solution, guesses, profile_interval, refine
from campaigns.kinetics.trace import MIN_DELAYS, Trace

#: A model this far above the best has essentially no support. Burnham, Anderson, Sociol. Methods Res. 33, 261 (2004),
#: doi 10.1177/0049124104268644.
NO_SUPPORT = 10.0
#: White noise gives so small a Ljung-Box p-value once in a thousand traces.
AUTOCORRELATED_P = 1e-3


def cautions(
    solution: Solution,
    comparison: tuple[ModelScore, ...],
    tests: ResidualTests,
    lifetime_high_ps: float,
    swapped: bool | None,
) -> tuple[str, ...]:
    """Warnings about a fit, most important first."""
    found = []
    if swapped:
        found.append(
            "SC and CC seem to be swapped: at this probe wavelength SC is the weaker of the two right after time zero. "
            "The lifetime of the difference is the same; check which file is which."
        )
    found += _about_model(solution, comparison)
    found += _about_window(solution, lifetime_high_ps)
    if tests.ljung_box_p_value < AUTOCORRELATED_P:
        found.append(
            f"Residuals are not white noise (autocorrelation {tests.lag1_autocorrelation:+.2f} at lag 1, p = "
            f"{tests.ljung_box_p_value:.1g}): the interval is too narrow."
        )
    if tests.n_outliers:
        found.append(f"{tests.n_outliers} points lie more than five standard deviations off the fit.")
    return tuple(found)


def seem_swapped(trace: Trace, solution: Solution, scale: float) -> bool | None:
    """Whether |SC| < |CC| right after time zero; None where the parts are unknown or the population is not seen.

    State filling bleaches the probe of the pump's own helicity more, so SC - CC has the sign of the population signal
    (SC + CC) / 2. Its sign is taken over the first lifetime after the rise, and must be four standard errors from zero.
    """
    if trace.sc is None or trace.cc is None:
        return None
    zero, lifetime = float(solution.theta[0]), float(np.exp(solution.theta[1]))
    fwhm = solution.problem.fwhm(solution.theta)
    before = trace.delay_ps < zero - fwhm
    after = (trace.delay_ps > zero) & (trace.delay_ps < zero + max(lifetime, 3.0 * fwhm))
    if not after.any():
        return None
    population = 0.5 * (trace.sc + trace.cc)
    rise = float(population[after].mean()) - (float(population[before].mean()) if before.any() else 0.0)
    # The mean of two signals has half the noise of their difference.
    stderr = 0.5 * solution.noise * scale * (1.0 / after.sum() + (1.0 / before.sum() if before.any() else 0.0)) ** 0.5
    if abs(rise) < 4.0 * stderr:
        return None
    return bool(np.sign(rise) != np.sign(solution.at.coefficients[0]))


def _about_model(solution: Solution, comparison: tuple[ModelScore, ...]) -> list[str]:
    best = comparison[0]
    own = next(row for row in comparison if row.model == solution.problem.model.name)
    if own.delta_aicc <= NO_SUPPORT:
        return []
    return [
        f"A {best.model} decay fits better (AICc lower by {own.delta_aicc:.0f}; {best.describe()}): the {own.model} "
        "lifetime does not describe this trace well."
    ]


def _about_window(solution: Solution, lifetime_high_ps: float) -> list[str]:
    problem = solution.problem
    found = []
    fwhm, delay, zero = problem.fwhm(solution.theta), problem.delay_ps, float(solution.theta[0])
    finest = float(np.diff(np.unique(delay)).min())
    if lifetime_high_ps == inf:
        found.append(
            f"The trace ends {delay[-1] - zero:.3g} ps after time zero, too soon to limit the lifetime from above."
        )
    if problem.fwhm_ps is None and fwhm < finest:
        found.append(
            f"The response was fitted but is finer than the delays ({fwhm:.3g} ps against steps of {finest:.3g} ps): "
            "give its width."
        )
    if problem.fwhm_ps is not None and finest > 50.0 * fwhm:
        found.append(
            f"The finest delay step is {finest:.3g} ps, {finest / fwhm:.0f} times the response: are the delays in ps?"
        )
    return found


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
    """
    _check_settings(trace, irf_fwhm_ps, confidence)
    chosen = None if model == "auto" else _reportable(Model.parse(model))
    delay, signal, scale = _scaled(trace)
    problem = _problem(delay, signal, irf_fwhm_ps, time_zero_ps)
    theta = best_exponential(problem, guesses(delay, signal, irf_fwhm_ps))
    p_value = _require_signal(problem, theta)
    best, candidates = _choose(problem, theta, chosen)
    if time_zero_ps is None:
        _require_rise(*best)
    members, interval = _interval(best, confidence, chosen is None)
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


def _require_signal(problem: Problem, theta: Array) -> float:
    p_value = signal_p_value(problem.signal, problem.project(theta).cost, int(problem.free.sum()))
    if p_value > MAX_SIGNAL_P:
        raise NoSignalError(
            f"no decay stands out of the noise in {len(problem.signal)} delays from {problem.delay_ps[0]:g} to "
            f"{problem.delay_ps[-1]:g} ps (noise alone would look like this with probability {min(p_value, 1.0):.2g}); "
            "check the probe window and the polarisations, or average more scans"
        )
    return p_value


def _choose(
    problem: Problem, theta: Array, chosen: Model | None
) -> tuple[tuple[Problem, Array], list[tuple[Problem, Array]]]:
    """The problem to report with its parameters, and every candidate of the comparison."""
    simple = choose_extras(problem, theta)
    extras = simple[0].model.extras if chosen is None else chosen.extras
    candidates = {"exponential": (problem, theta)}
    # A plateau is the slow part of a biexponential already.
    rivals = [Model("biexponential", tuple(e for e in extras if e != "plateau")), Model("stretched", extras)]
    for model in (Model("exponential", ("offset",)), Model("exponential", extras), *rivals):
        if model.name not in candidates:
            start = simple[1] if chosen is None else theta
            candidates[model.name] = reach(problem, model, start)
    best = simple if chosen is None else candidates[chosen.name]
    candidates[best[0].model.name] = best
    return best, list(candidates.values())


def _interval(best: tuple[Problem, Array], confidence: float, any_offset: bool) -> tuple[list[Solution], Interval]:
    """The reported fit (first), its rival in the offset, and the interval over both."""
    problem, theta = best
    members = [fit_model(problem, theta)]
    if any_offset:
        rival = _other_offset(problem.model)
        members.append(fit_model(problem.with_model(rival), members[0].theta))
    for _ in range(20):
        try:
            return members, profile_interval(members, confidence)
        except BetterFit as found:
            members[found.member] = fit_model(members[found.member].problem, found.theta)
    raise KineticsError("the fit has no stable best point: every profile step finds a better one; plot the trace")


def _other_offset(model: Model) -> Model:
    if "offset" in model.extras:
        return Model(model.decay, tuple(extra for extra in model.extras if extra != "offset"))
    return model.with_extra("offset")


def _require_rise(problem: Problem, theta: Array) -> None:
    """The rise must be seen: a decay that was under way at the first delay must fit worse."""
    width = problem.fwhm_ps if problem.fwhm_ps is not None else problem.fwhm_limits[0]
    tail = replace(problem, fwhm_ps=width, time_zero_ps=float(problem.delay_ps[0]) - 3.0 * width)
    cost = refine(tail, tail.start(0.0, exp(theta[1]), width), tail.free)[1].cost
    if len(problem.signal) * log(cost / max(problem.project(theta).cost, 1e-300)) < MIN_RISE:
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
    value = exp(solution.theta[1])
    low = 0.0 if interval.low is None else exp(interval.low)
    high = inf if interval.high is None else exp(interval.high)
    resolution = RESOLUTION * solution.problem.fwhm(solution.theta)
    if low < resolution:
        if high == inf:
            raise NoSignalError("the trace bounds the lifetime on neither side: average more scans")
        bound = max(high, resolution)
        return _Lifetime(bound, None, 0.0, bound, True)
    n = len(solution.problem.delay_ps)
    # lmfit counts only the non-linear parameters; the linear ones were solved out before it saw the residual.
    lost = (n - int(solution.problem.free.sum())) / solution.degrees_of_freedom
    stderr = value * float(solution.stderr[1]) * lost**0.5
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
