"""From a trace to a lifetime with its error bar, or to an upper bound."""

from __future__ import annotations

from dataclasses import replace
from math import exp, inf, isfinite, log, log1p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from campaigns.errors import (
    FitSettingError,
    NoSignalError,
    NoTimeZeroError,
    OscillationError,
    TooFewDelaysError,
)
from campaigns.kinetics.model import RESPONSES, Model
from campaigns.kinetics.result import TraceFit
from campaigns.kinetics.select import (
    EXTRA_MARGIN,
    MAX_SHARE,
    MAX_SIGNAL_P,
    RESOLUTION,
    SEARCH_TOL,
    Fitted,
    best_exponential,
    cautions,
    choose_extras,
    compare,
    correlation_inflation,
    decay_p_value,
    each_scaled,
    error_weights,
    is_white,
    ljung_box_p_value,
    noise_weights,
    on_errors,
    reach,
    second_lifetime,
    seem_swapped,
    signal_p_value,
    tests_of,
    without_outliers,
)
from campaigns.kinetics.solve import Interval, Problem, Solution, Width, profile, solve, unseen
from campaigns.kinetics.trace import MIN_DELAYS, Trace

Array = NDArray[np.float64]

#: Residuals of the best other model must be this far from white noise before an oscillation is tried.
OSCILLATION_P = 0.01
#: Without its rise a trace must fit worse by this likelihood ratio: three standard deviations.
MIN_RISE = 9.0
#: Longer traces are averaged in equal groups of neighbours: the fit gains nothing from more points.
MAX_POINTS = 20_000


#: A delayed rise, a coherent artefact or an oscillation is taken up where it lowers the AICc by more than this.
TAKEN_UP = 10.0
#: Rivals whose AICc is at most this much higher widen the interval. Burnham, Anderson, Sociol. Methods Res. 33, 261
#: (2004), doi 10.1177/0049124104268644: considerably less support from 4 on.
RIVALS = 4.0
#: Below this many response widths the pulse shape matters: a sech^2 pulse of the same width is a rival then.
SHAPE_MATTERS = 12.0
#: Where the interval reaches into the response, and for bounds, it may miss in this share of what is allowed elsewhere:
#: the shape of the response is then part of the answer, and a bound that is too low is seen by nobody.
BOUND_RISK = 0.3
#: The systematic interval is given where it is wider by more than this share of that of the noise.
NOTICED = 0.1
#: A profile over several models holds more than one over the best alone, 96.5% of faultless traces where 95% are asked:
#: so many times the misses are allowed to it, but not near the response. Of 6,000 traces of benchmarks/, seeds 101 to
#: 303.
SEVERAL = 1.4
#: Where two exponentials fit no better than one, the faster of two true ones is up to so many times as fast as fitted.
FASTER = 1.8
#: Below this many response widths a decay of another kind can stand for any, and is no rival.
NEAR_RESPONSE = 4.0
#: Tolerance of rivals, fine enough for the profile.
PROFILE_TOL = 1e-6
#: Below so many standard deviations off the given width a trace cannot contradict it.
PULLED = 0.7
#: Relative standard deviation of a response's width that was given without one.
IRF_ERROR = 0.1


def fit_trace(
    trace: Trace,
    irf_fwhm_ps: float | None = None,
    *,
    model: str = "auto",
    time_zero_ps: float | None = None,
    confidence: float = 0.95,
    irf_error: float = IRF_ERROR,
    irf_shape: str = "gaussian",
) -> TraceFit:
    """Fit a decay seen through the instrument response to the difference SC - CC.

    Args:
        trace: the measured trace.
        irf_fwhm_ps: full width at half maximum of the response, ps; None fits it.
        model: "auto" takes a single exponential, with what else of the measurement the AICc asks for (an offset, a
            plateau, a share of the sum, a delayed rise, a coherent artefact), and compares it with decays that have no
            single lifetime; else a model's name, such as "exponential+offset" or "stretched".
        time_zero_ps: time zero where it is known, ps; None fits it. A trace without its rise needs it.
        confidence: of the profile-likelihood interval.
        irf_error: relative standard deviation of `irf_fwhm_ps`, which enters the interval; 0 takes it as exact.
        irf_shape: of the pulse, "gaussian" or "sech2".

    Raises:
        TooFewDelaysError: if fewer than 12 delays are different.
        FitSettingError: for a width that is not positive, a confidence not between 0.5 and 1, an unknown model.
        NoSignalError: if the trace is constant, no decay stands out of the noise, or SC - CC is a share of SC + CC.
        NoTimeZeroError: if the trace begins after its rise and no `time_zero_ps` is given.
        OscillationError: if the trace is a damped oscillation.

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
    if not 0.0 <= irf_error <= 1.0 or irf_shape not in RESPONSES:
        raise FitSettingError(
            f"a response of shape {irf_shape!r} known to {irf_error:g}: the shape is {' or '.join(RESPONSES)}, the "
            "relative error from 0 to 1"
        )
    chosen = None if model == "auto" else _reportable(Model.parse(model))
    problem, scale = problem_of(trace, Width(irf_fwhm_ps, shape=irf_shape), time_zero_ps)
    plain, left_out = without_outliers(best_exponential(problem))
    p_value = _require_signal(plain)
    _require_spin(plain)
    simple, tried = choose_extras(plain)
    if irf_fwhm_ps is not None and irf_error > 0.0:
        narrow = plain is simple
        plain = _with_uncertain_width(plain, irf_error, simple.noise)
        simple = plain if narrow else _with_uncertain_width(simple, irf_error, simple.noise)
    plain, simple, (best, candidates) = _choose_width(plain, simple, chosen)
    if (weight := noise_weights(best.at.residual)) is not None:
        weight = weight if best.problem.weight is None else weight * best.problem.weight
        plain, simple = (solve(replace(fit.problem, weight=weight), fit.theta, tol=1e-7) for fit in (plain, simple))
        best, candidates = _choose(plain, simple, chosen)
    if time_zero_ps is None:
        _require_rise(best)
    best = solve(best.problem, best.theta)
    inflation = correlation_inflation(best.at.residual)
    rivals = _rivals(best, candidates, tried) if chosen is None else []
    best, interval, wide = _intervals([best, *rivals], confidence, inflation)
    comparison = compare(candidates)
    two = second_lifetime(best, comparison) if chosen is None else None
    if chosen is None:
        _require_bound_or_lifetime(best, interval, candidates)
    done = Fitted(
        solution=best,
        interval=interval,
        comparison=comparison,
        p_value=p_value,
        inflation=inflation,
        left_out_ps=problem.delay_ps[left_out],
        irf_given=None if irf_fwhm_ps is None else (irf_fwhm_ps, irf_error),
        two=two,
    )
    return _result(trace, done, scale, confidence, _systematic(done, wide))


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
    if model.decay in ("biexponential", "oscillation"):
        raise FitSettingError(
            f"a {model.decay} has no single lifetime to report; it is compared, with its parts "
            "(TraceFit.comparison). Use auto, exponential, stretched or delayed, or leave out delays to keep one part"
        )
    return model


def problem_of(trace: Trace, width: Width, time_zero_ps: float | None) -> tuple[Problem, float]:
    """The plain single exponential with limits that only keep the search from running away, and the unit of its signal.
    The signal is scaled to its largest magnitude, and averaged in groups where there are too many delays. Raises
    NoSignalError for a constant one."""
    rows = {"delay": trace.delay_ps, "signal": trace.signal, **trace.beside}
    rows |= {} if trace.error is None else {"weight": error_weights(trace.error)[0]}
    if len(trace) > MAX_POINTS:
        size = -(-len(trace) // MAX_POINTS)
        kept = len(trace) // size * size
        rows = {name: values[:kept].reshape(-1, size).mean(axis=1) for name, values in rows.items()}
    delay, signal, weight = rows.pop("delay"), rows.pop("signal"), rows.pop("weight", None)
    scale = float(np.abs(signal).max())
    if float(np.ptp(signal)) <= 1e-12 * scale:
        raise NoSignalError(
            f"the difference SC - CC is constant ({float(signal[0]):g} at all {len(signal)} delays): "
            "SC and CC may be the same file, or the detector was blocked"
        )
    step, span = np.diff(np.unique(delay)), float(np.ptp(delay))
    finest = float(step.min())
    shortest = (width.fwhm_ps if width.fwhm_ps is not None else finest) / 100.0
    problem = Problem(
        delay_ps=delay,
        signal=signal / scale,
        beside=rows | ({"sum": rows["sum"] / scale} if "sum" in rows else {}),
        model=Model("exponential"),
        width=width,
        time_zero_ps=time_zero_ps,
        lifetime_limits=(min(shortest, finest), 1000.0 * span),
        fwhm_limits=(finest / 4.0, span / 4.0),
        weight=weight,
    )
    return problem, scale


def _with_uncertain_width(fit: Solution, error: float, noise: float) -> Solution:
    """The fit with the width of the response free within what is known of it."""
    problem = fit.problem
    assert problem.width.fwhm_ps is not None
    free = replace(problem, width=replace(problem.width, error=error, noise=noise))
    return solve(free, np.insert(fit.theta, 2, log(problem.width.fwhm_ps)), tol=SEARCH_TOL, most=30)


def _choose_width(
    plain: Solution, simple: Solution, chosen: Model | None
) -> tuple[Solution, Solution, tuple[Solution, list[Solution]]]:
    """Both exponentials and `_choose` of them at the given width, or at the fitted one where the trace contradicts it
    and no rise or artefact beside the given one does as well."""
    found = _choose(plain, simple, chosen)
    if simple.problem.width.fwhm_ps is None or abs(simple.pull) <= PULLED:
        return plain, simple, found
    best, goal = found[0], simple.aicc - TAKEN_UP
    if _is_single(best):
        goal = min(goal, best.aicc + TAKEN_UP)
    freed = _with_fitted_width(simple, goal)
    alone = _is_single(best) and abs(best.pull) > PULLED
    if freed.aicc >= goal and not (alone and _with_fitted_width(best, least := best.aicc - TAKEN_UP).aicc < least):
        return plain, simple, found
    plain = _with_fitted_width(plain)
    return plain, freed, _choose(plain, freed, chosen)


def _with_fitted_width(fit: Solution, aicc: float = inf) -> Solution:
    """The fit with the width of the response free, whatever was known of it, where that promises so low an AICc."""
    free = replace(fit.problem, width=Width(shape=fit.problem.width.shape))
    return solve(free, fit.theta, tol=SEARCH_TOL, most=30, worth=free.cost_at(aicc) if aicc < inf else inf)


def _require_signal(plain: Solution) -> float:
    problem, p_value = plain.problem, signal_p_value(plain)
    if p_value > MAX_SIGNAL_P:
        raise NoSignalError(
            f"no decay stands out of the noise in {len(problem.signal)} delays from {problem.delay_ps[0]:g} to "
            f"{problem.delay_ps[-1]:g} ps (noise alone would look like this with probability {min(p_value, 1.0):.2g}); "
            "check the probe window and the polarisations, or average more scans"
        )
    return p_value


def _require_spin(plain: Solution) -> None:
    """A decay must stand out beside a share of the population signal, which unequal pump power leaves in SC - CC."""
    problem = plain.problem
    if "sum" not in problem.beside:
        return
    ground = problem.weighed(np.stack([np.ones_like(problem.signal), problem.beside["sum"]])).T
    signal = problem.weighed(problem.signal)
    heights = np.linalg.lstsq(ground, signal, rcond=None)[0]
    share, left = float(heights[1]), float(np.sum((signal - ground @ heights) ** 2))
    if abs(share) > MAX_SHARE:
        return
    n, free = len(problem.signal), int(problem.free.sum())
    if decay_p_value(left, plain.at.cost, n, free) <= MAX_SIGNAL_P:
        return
    with_sum = solve(problem.with_model(plain.problem.model.with_extra("sum")), plain.theta, tol=1e-5, most=15)
    if decay_p_value(left, with_sum.at.cost, n, free) <= MAX_SIGNAL_P:
        return
    raise NoSignalError(
        f"no spin decay: SC - CC is {share:.1%} of (SC + CC) / 2 at every delay, as unequal pump power or imperfect "
        "polarisation gives; equalise the power of both polarisations and measure again"
    )


def _choose(plain: Solution, simple: Solution, chosen: Model | None) -> tuple[Solution, list[Solution]]:
    """The fit to report, and every candidate. OscillationError if none was chosen and the trace oscillates."""
    extras = simple.problem.model.extras if chosen is None else chosen.extras
    near = simple if chosen is None else plain
    candidates = {fit.problem.model.name: fit for fit in ((plain, simple) if chosen is None else (plain,))}
    # A plateau is the slow part of a biexponential already, and a drift may stand for one.
    bare = tuple(extra for extra in extras if extra not in ("plateau", "drift"))
    offset = tuple(extra for extra in ("offset", *bare) if extra != "spike")
    # Zeros that differ leave a bell at time zero too, which nothing tells from an artefact.
    spiked = Model("exponential", extras).without("zeros").with_extra("spike")
    most = inf
    for model in (
        spiked,
        Model("exponential", ("offset",)),
        Model("exponential", extras),
        Model("biexponential", bare),
        Model("stretched", extras),
        Model("delayed", bare),
        *([] if chosen is None else [chosen]),
    ):
        if model.name in candidates:
            continue
        fit = reach(plain if model.extras == ("offset",) else near, model, most)
        if fit.aicc <= most:
            candidates[model.name] = fit
        if model == spiked and chosen is None and fit.aicc < simple.aicc - TAKEN_UP and is_white(fit.at.residual):
            most = fit.aicc + RIVALS  # beside an artefact that leaves nothing only its rivals count
    delayed = candidates.get(Model("delayed", bare).name)
    if delayed is not None and (chosen is None or chosen.decay != "delayed"):
        slow, fast = delayed.at.coefficients[:2]  # a rise that the response does not hide comes before the decay
        if slow * fast >= 0.0 or delayed.lifetime_ps * exp(delayed.theta[-1]) <= RESOLUTION * delayed.fwhm_ps:
            del candidates[delayed.problem.model.name]
    if chosen != spiked and candidates[spiked.name].lifetime_ps < candidates[spiked.name].fwhm_ps:
        del candidates[spiked.name]  # beside a decay that the response hides, it can stand for any signal
    least = min(candidates.values(), key=lambda fit: fit.aicc)
    if ljung_box_p_value(least.at.residual) < OSCILLATION_P:
        wave = reach(near, Model("oscillation", tuple(dict.fromkeys(offset))))
        period = wave.lifetime_ps * exp(wave.theta[-1])
        if period >= 2.0 * float(np.median(np.diff(wave.problem.delay_ps))):  # a quicker one no such delays show
            candidates[wave.problem.model.name] = wave
            if chosen is None and wave.aicc < least.aicc - TAKEN_UP:
                raise _oscillation(wave, least)
    if chosen is not None:
        return candidates[chosen.name], list(candidates.values())
    best = min((fit for fit in candidates.values() if _is_single(fit)), key=lambda fit: fit.aicc, default=simple)
    if best.aicc >= simple.aicc - TAKEN_UP:
        return simple, list(candidates.values())
    # What the decay stands on was chosen without the rise or the artefact: choose again beside it.
    alone = Model(best.problem.model.decay, tuple(extra for extra in best.problem.model.extras if extra == "spike"))
    fresh, _ = choose_extras(reach(plain, alone))
    if fresh.aicc < best.aicc + EXTRA_MARGIN:
        best = fresh
        candidates[best.problem.model.name] = best
    return simple if best.aicc > least.aicc + TAKEN_UP else best, list(candidates.values())


def _is_single(fit: Solution) -> bool:
    """Whether it is one decay behind a delayed rise or beside a coherent artefact."""
    return fit.problem.model.decay == "delayed" or "spike" in fit.problem.model.extras


def _oscillation(wave: Solution, rival: Solution) -> OscillationError:
    wave = solve(wave.problem, wave.theta)
    damping, ratio = wave.lifetime_ps, exp(wave.theta[-1])
    return OscillationError(damping * ratio, damping, damping * float(wave.stderr[1]), rival.aicc - wave.aicc)


def _rivals(best: Solution, candidates: list[Solution], tried: list[Solution]) -> list[Solution]:
    """Other models nearly as good, which widen the interval: of `tried`, the same decay on another ground."""
    model = best.problem.model
    other_ground = [
        model.without("offset") if "offset" in model.extras else model.with_extra("offset"),
        *([model.with_extra("sum")] if "sum" in best.problem.beside and "sum" not in model.extras else []),
    ]
    if best.problem.model.decay == "exponential" and "spike" not in model.extras:
        near = min(fit.aicc for fit in tried) + RIVALS
        other_ground += [fit.problem.model for fit in tried if fit.aicc < near and fit.problem.model != model]
    grounds = [each for each in dict.fromkeys(other_ground) if ("zeros" in each.extras) <= ("zeros" in model.extras)]
    others = [best.problem.with_model(each) for each in grounds]
    if best.problem.width.shape == "gaussian" and best.lifetime_ps < SHAPE_MATTERS * best.fwhm_ps:
        others.append(replace(best.problem, width=replace(best.problem.width, shape="sech2")))
    found = [solve(problem, best.theta, tol=PROFILE_TOL) for problem in others]
    names = {model.name, *(fit.problem.model.name for fit in found)}
    for fit in candidates:
        # Decays of another kind, whose lifetime is another quantity, count where they are better than the reported one;
        # so does an artefact. Near the response they can stand for any decay.
        other = fit.problem.model
        alike = other.decay == model.decay and all(
            (extra in other.extras) == (extra in model.extras) for extra in ("spike", "zeros")
        )
        without_one = ("oscillation", "biexponential")
        if not alike and (other.decay in without_one or best.lifetime_ps < NEAR_RESPONSE * best.fwhm_ps):
            continue
        if other.name not in names and fit.aicc < best.aicc + RIVALS * alike:
            found.append(solve(fit.problem, fit.theta, tol=PROFILE_TOL))
    return [fit for fit in found if fit.aicc < best.aicc + RIVALS and abs(fit.sum_share) <= MAX_SHARE]


def _intervals(members: list[Solution], confidence: float, inflation: float) -> tuple[Solution, Interval, Interval]:
    """The first member at its best, its interval, and the one that also answers for the shape of the response near it,
    both the same for a bound."""
    strict = 1.0 - BOUND_RISK * (1.0 - confidence)
    near = members[0].lifetime_ps < members[0].fwhm_ps
    confidence = 1.0 - (SEVERAL if len(members) > 1 and not near else 1.0) * (1.0 - confidence)
    members, interval = profile(members, strict if near else confidence, inflation)
    if not near and interval.low is not None and exp(interval.low) >= members[0].fwhm_ps:
        return members[0], interval, interval
    members, wide = (members, interval) if near else profile(members, strict, inflation)
    if _hides(wide, members[0]):
        high = wide.high
        if high is not None and members[0].problem.width.is_fitted:  # a bound answers for the width of the response
            high += log1p(IRF_ERROR)
        return members[0], Interval(wide.low, high), Interval(wide.low, high)
    members, interval = profile(members, confidence, inflation) if near else (members, interval)
    return members[0], interval, wide


def _hides(interval: Interval, best: Solution) -> bool:
    """Whether the response hides the lower end."""
    return interval.low is None or exp(interval.low) < RESOLUTION * best.fwhm_ps


def _systematic(done: Fitted, wide: Interval) -> tuple[float, float] | None:
    """The lifetimes (ps) with what would move it and leaves no mark, None where that adds little. Two exponentials that
    the trace does not tell from the one count as far as it is long enough to show them."""
    best, interval = done.solution, done.interval
    if _hides(interval, best) or interval.low is None or wide.low is None:
        return None
    drift, tail = unseen(best)
    low = wide.low - max(drift, tail * best.problem.width.is_fitted)
    high = inf if wide.high is None else wide.high + drift
    if done.two is not None:
        fast, slow = (lifetime for _, lifetime in done.two.parts)
        low = min(low, log(fast / FASTER))
        high = max(high, log(slow)) if slow <= best.problem.delay_ps[-1] - best.theta[0] else high
    end = 2.0 * float(best.theta[1]) - interval.low if interval.high is None else interval.high
    if interval.low - low + (0.0 if high == inf else high - end) <= NOTICED * (end - interval.low):
        return None
    return exp(low), exp(high)


def _require_bound_or_lifetime(best: Solution, interval: Interval, candidates: list[Solution]) -> None:
    """A decay too fast to be resolved must not stand for a signal that another model describes far better."""
    rival = min(candidates, key=lambda fit: fit.aicc)
    hidden = _hides(interval, best)
    if hidden and {"zeros", "spike"} & set(best.problem.model.extras):
        raise NoSignalError(
            "no bound and no lifetime: a coherent artefact, or time zeros of SC and CC that differ, stand at time "
            "zero; beside them a decay that the response hides cannot be told. Align both zeros and measure again"
        )
    if hidden and rival.aicc < best.aicc - TAKEN_UP and rival.lifetime_ps > best.fwhm_ps:
        (score, *_) = compare([rival])
        raise NoSignalError(
            f"no bound and no single lifetime: the response would hide one decay, but a {score.model} describes "
            f"the trace far better (AICc lower by {best.aicc - rival.aicc:.0f}; {score.describe()}). Plot the trace; "
            "name a model (--model) or leave out delays (--exclude) to fit a part"
        )


def _require_rise(best: Solution) -> None:
    """The rise must be seen: a decay that was under way at the first delay must fit worse."""
    problem = best.problem
    width = problem.width.fwhm_ps or problem.fwhm_limits[0]
    held = Width(width, shape=problem.width.shape)
    tail = replace(problem, width=held, time_zero_ps=float(problem.delay_ps[0]) - 3.0 * width)
    most = max(best.at.cost, 1e-300) * exp(MIN_RISE / len(problem.signal))
    if solve(tail, tail.start(0.0, best.lifetime_ps, width), tol=1e-3, most=30, worth=most).at.cost < most:
        raise NoTimeZeroError(
            f"the trace begins at {problem.delay_ps[0]:g} ps, after its rise: time zero cannot be placed. "
            "Measure from before zero, or give the known time zero (time_zero_ps, --time-zero) to fit the tail"
        )


def _lifetime(done: Fitted) -> dict[str, Any]:
    """Value, standard error and ends of the lifetime (ps), and whether it is a bound, as `TraceFit` has them."""
    value, interval = done.solution.lifetime_ps, done.interval
    low = 0.0 if interval.low is None else exp(interval.low)
    high = inf if interval.high is None else exp(interval.high)
    resolution = RESOLUTION * done.solution.fwhm_ps
    stderr: float | None = value * float(done.solution.stderr[1]) * done.inflation**0.5
    if is_bound := low < resolution:
        if high == inf:
            raise NoSignalError("the trace bounds the lifetime on neither side: average more scans")
        value = high = max(high, resolution)
        low, stderr = 0.0, None
    names = ("lifetime_ps", "lifetime_stderr_ps", "lifetime_low_ps", "lifetime_high_ps", "is_upper_bound")
    return dict(zip(names, (value, stderr if isfinite(stderr or 0.0) else None, low, high, is_bound), strict=True))


def _result(
    trace: Trace, done: Fitted, scale: float, confidence: float, systematic: tuple[float, float] | None
) -> TraceFit:
    life, solution, problem = _lifetime(done), done.solution, done.solution.problem
    heights = solution.at.coefficients * scale
    of = {name: heights[at] for name, at in problem.model.slices.items()}
    swapped = seem_swapped(trace, solution, scale)
    tests = tests_of(solution, done.p_value)
    if trace.error is not None:
        said = on_errors(trace.error, solution.noise * scale, solution.degrees_of_freedom)
        trace = replace(trace, notes=(*trace.notes, said))
    spread = float(np.sum((problem.signal - problem.signal.mean()) ** 2))
    left = problem.signal - solution.at.coefficients @ problem.terms(solution.theta)
    return TraceFit(
        **life,
        systematic_interval_ps=systematic,
        irf_fwhm_ps=solution.fwhm_ps,
        irf_shape=problem.width.shape,
        irf_given_ps=None if done.irf_given is None else done.irf_given[0],
        model=problem.model.name,
        aicc=solution.aicc,
        r_squared=1.0 - float(left @ left) / spread,
        confidence=confidence,
        time_zero_ps=float(solution.theta[0]),
        time_zero_stderr_ps=float(solution.stderr[0]),
        amplitude=float(of["decay"][0]),
        offset=float(of["offset"][0]) if "offset" in of else 0.0,
        plateau=float(of["plateau"][0]) if "plateau" in of else 0.0,
        sum_share=solution.sum_share,
        zeros_apart_ps=problem.apart_ps,
        left_out_ps=tuple(float(delay) for delay in done.left_out_ps),
        noise=solution.noise * scale,
        comparison=done.comparison,
        tests=tests,
        swapped=swapped,
        warnings=(*each_scaled(trace), *cautions(done, tests, life["lifetime_high_ps"], swapped)),
        trace=trace,
        theta=tuple(float(value) for value in solution.theta),
        heights=tuple(float(height) for height in heights),
    )
