"""Which model a trace supports: the best single exponential, its ground and rivals by AICc, and single bad points; and
what a reader should know before using a fit: tests of the residuals, and warnings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, inf, log, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc, ndtr

from campaigns.kinetics.model import DECAYS, Model, biexponential_parts
from campaigns.kinetics.solve import Problem, Solution, guesses, solve

if TYPE_CHECKING:
    from campaigns.kinetics.solve import Interval
    from campaigns.kinetics.trace import Trace

Array = NDArray[np.float64]

#: A lifetime whose interval reaches below this share of the response's width is reported as a bound. Below it the
#: curve is a Gaussian but for a slight asymmetry, which no real response is known well enough to be told from.
RESOLUTION = 1.0 / 3.0
#: Noise must be this unlikely to fake the decay.
MAX_SIGNAL_P = 0.01
#: A model this far above the best has considerably less support. Burnham, Anderson, Sociol. Methods Res. 33, 261
#: (2004), doi 10.1177/0049124104268644.
LITTLE_SUPPORT = 4.0
#: Largest values of SC and CC that are so near to 1 or 100, relative, were made so.
SCALED = 2e-4
#: Largest values of SC and CC further apart than by this factor are hardly in one unit.
UNLIKE = 20.0
#: A longer response (ps) is none of a femtosecond laser.
LONGEST_PULSE_PS = 5.0
#: A fitted width this many standard deviations from the given one is said.
DOUBTFUL_PULL = 2.0
#: White noise gives so small a Ljung-Box p-value once in a thousand traces.
AUTOCORRELATED_P = 1e-3
#: Below this one the interval answers for correlated noise already.
CORRELATED_P = 0.05
#: The same for noise that is slow, and from where it is said. What the fit takes of it makes both rarer in white noise:
#: 4% and 0.4% of 120 traces.
SLOW_P, SLOW_SAID_P = 0.1, 0.02
#: A residual this many standard deviations out is counted as an outlier: 1 in 1.7 million of Gaussian noise.
OUTLIER_SIGMA = 5.0
_MAX_LAGS = 10
#: Stretches of the scan whose noise is compared.
_STRETCHES = 6


@dataclass(frozen=True, slots=True)
class ResidualTests:
    """What the residuals say: the probability that noise alone fakes so good a decay anywhere in the trace; the fitted
    amplitude over its standard error at the fitted shape; the autocorrelation of successive residuals (0 for white
    noise); the probability of so much of it (up to ten lags) in white noise; residuals beyond five standard deviations.
    """

    signal_p_value: float
    amplitude_over_stderr: float
    lag1_autocorrelation: float
    ljung_box_p_value: float
    n_outliers: int


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A finished fit: what to report, the interval of its lifetime, every model that was tried (best AICc first), the
    probability that noise alone fakes so good a decay, the factor by which correlated noise has fewer independent
    points, delays of bad points that were left out (ps), the width of the response that was given (ps) with its
    relative error, and two exponentials that the trace does not tell from the one; None where there are none."""

    solution: Solution
    interval: Interval
    comparison: tuple[ModelScore, ...]
    p_value: float
    inflation: float
    left_out_ps: Array
    irf_given: tuple[float, float] | None
    two: ModelScore | None


def signal_p_value(fit: Solution) -> float:
    """Probability that pure noise gives a decay that lowers the squares so far, with time zero searched for
    (benchmarks/kinetics_synthetic.py)."""
    problem = fit.problem
    signal, ground = problem.weighed(problem.signal), problem.weighed(np.ones_like(problem.signal))
    left = signal - float(signal @ ground) / float(ground @ ground) * ground
    return decay_p_value(float(left @ left), fit.at.cost, len(signal), int(problem.free.sum()))


def decay_p_value(without: float, cost: float, n: int, n_nonlinear: int) -> float:
    """Probability that noise of n points gives a decay that lowers the sum of squares from `without` to `cost`. The
    likelihood ratio n ln(SSR0 / SSR) as chi-squared with one degree for the amplitude and one for each non-linear
    parameter, times the number of delays at which the decay could have begun (Bonferroni)."""
    ratio = n * np.log(max(without, 1e-300) / max(cost, 1e-300))
    return float(min(1.0, n * chdtrc(1 + n_nonlinear, ratio)))


def tests_of(solution: Solution, p_value: float) -> ResidualTests:
    """Tests of the residuals of a fit."""
    residual = solution.at.residual
    return ResidualTests(
        signal_p_value=p_value,
        amplitude_over_stderr=_amplitude_over_stderr(solution),
        lag1_autocorrelation=float(_correlations(residual)[0]),
        ljung_box_p_value=ljung_box_p_value(residual),
        n_outliers=int(np.sum(np.abs(residual) > OUTLIER_SIGMA * solution.noise)),
    )


def ljung_box_p_value(residual: Array) -> float:
    """Probability of so much autocorrelation of residuals of shape (t,), up to ten lags, in white noise. Source: Ljung,
    Box, Biometrika 65, 297 (1978), doi 10.1093/biomet/65.2.297."""
    n, correlation = len(residual), _correlations(residual)
    lags = np.arange(1, len(correlation) + 1)
    return float(chdtrc(len(lags), n * (n + 2) * float(np.sum(correlation**2 / (n - lags)))))


def slow_noise_p_value(residual: Array) -> float:
    """Probability that white noise looks so much like 1/f noise, by the score for a fractional power of the frequency:
    the sum of the autocorrelations, each over its lag. Source: Robinson, J. Am. Stat. Assoc. 89, 1420 (1994), doi
    10.1080/01621459.1994.10476881."""
    correlation = _correlations(residual)
    weights = 1.0 / np.arange(1, len(correlation) + 1)
    return float(ndtr(-float(weights @ correlation) * (len(residual) / float(weights @ weights)) ** 0.5))


def is_white(residual: Array) -> bool:
    """Whether residuals of shape (t,) may be white noise."""
    return ljung_box_p_value(residual) >= CORRELATED_P and slow_noise_p_value(residual) >= SLOW_P


def correlation_inflation(residual: Array) -> float:
    """Factor by which residuals of shape (t,) have fewer independent points than points; 1 for white noise. 1 + 2 sum
    rho over the lags up to the first that is not positive (Sokal's window), where they are not white. Source: Sokal, in
    Functional Integration (NATO ASI B 361), 131 (1997), doi 10.1007/978-1-4899-0319-8_6."""
    if is_white(residual):
        return 1.0
    correlation = _correlations(residual, len(residual) // 4)
    negative = np.flatnonzero(correlation <= 0.0)
    return 1.0 + 2.0 * float(correlation[: negative[0] if len(negative) else None].sum())


def noise_weights(residual: Array) -> Array | None:
    """Weights of the delays, shape (t,), inverse to the noise around each, where it is not the same everywhere. Whether
    it is: F test of the sizes of the residuals over six stretches of the scan (Brown, Forsythe, J. Am. Stat. Assoc. 69,
    364 (1974), doi 10.1080/01621459.1974.10482955). None where it is, or for fewer than sixty delays."""
    n = len(residual)
    if n < 10 * _STRETCHES:
        return None
    size = np.abs(residual)
    parts = np.array_split(size, _STRETCHES)
    between = sum(len(part) * (part.mean() - size.mean()) ** 2 for part in parts) / (_STRETCHES - 1)
    within = sum(float(np.sum((part - part.mean()) ** 2)) for part in parts) / (n - _STRETCHES)
    if fdtrc(_STRETCHES - 1, n - _STRETCHES, between / max(within, 1e-300)) >= AUTOCORRELATED_P:
        return None
    reach = max(7, n // (2 * _STRETCHES))
    power = np.convolve(
        np.pad(residual**2, reach, mode="reflect"), np.full(2 * reach + 1, 1.0 / (2 * reach + 1)), "valid"
    )
    weights: Array = 1.0 / np.sqrt(np.maximum(power, 1e-6 * float(power.max())))
    return weights / float(np.median(weights))


def error_weights(error: Array) -> tuple[Array, float]:
    """Weights of the delays, shape (t,), inverse to the errors of the file, and the error of weight 1. No error counts
    for less than half the median of its neighbours: those of few scans scatter."""
    around = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(error, 3, mode="edge"), 7), axis=1)
    weights: Array = 1.0 / np.maximum(error, 0.5 * around)
    usual = float(np.median(weights))
    return weights / usual, 1.0 / usual


def on_errors(error: Array, noise: float, free: int) -> str:
    """What the residuals say of the errors of the file, shape (t,): `noise` at weight 1, degrees of freedom."""
    square = (noise / error_weights(error)[1]) ** 2
    said = f"The errors of the file weigh the delays (chi2 {square:.2g} a degree of freedom"
    if abs(log(square)) <= 5.0 * (2.0 / free) ** 0.5:
        return f"{said})."
    size = "small" if square > 1.0 else "large"
    factor = max(square, 1.0 / square) ** 0.5
    return f"{said}): they are too {size} by a factor of {factor:.2g}, so the noise is taken from the residuals."


def _correlations(residual: Array, lags: int = _MAX_LAGS) -> Array:
    """Autocorrelation at lags 1 to `lags`, a fifth of the points at most."""
    power = max(float(residual @ residual), 1e-300)
    lags = max(1, min(lags, len(residual) // 5))
    return np.array([residual[lag:] @ residual[:-lag] / power for lag in range(1, lags + 1)])


def _amplitude_over_stderr(solution: Solution) -> float:
    """Amplitude over its standard error at the fitted shape, with the offset and plateau free."""
    # The inverse of the products holds the squared length of each term that the others do not explain.
    terms = solution.problem.terms(solution.theta)
    alone = np.linalg.norm(terms[0]) / float(solution.at.inverse[0, 0]) ** 0.5
    return abs(float(solution.at.coefficients[0])) * float(alone) / max(solution.noise, 1e-300)


def cautions(done: Fitted, tests: ResidualTests, lifetime_high_ps: float, swapped: bool | None) -> tuple[str, ...]:
    """Warnings about a fit, most important first."""
    found = []
    if swapped:
        found.append(
            "SC and CC seem to be swapped: at this probe wavelength SC is the weaker of the two right after time zero. "
            "The lifetime of the difference is the same; check which file is which."
        )
    found += _about_model(done.solution, done.comparison, done.two)
    found += _about_measurement(done)
    found += _about_window(done, lifetime_high_ps)
    slow = slow_noise_p_value(done.solution.at.residual)
    if tests.ljung_box_p_value < AUTOCORRELATED_P or slow < SLOW_SAID_P:
        wider = f"made {done.inflation**0.5:.2g} times as wide for it" if done.inflation > 1.1 else "not made wider"
        found.append(
            f"Residuals are not white noise (autocorrelation {tests.lag1_autocorrelation:+.2f} at lag 1, p = "
            f"{min(tests.ljung_box_p_value, slow):.1g}): the interval was {wider}, and a part of the signal may not be "
            "in the model."
        )
    if tests.n_outliers:
        found.append(f"{tests.n_outliers} points lie more than five standard deviations off the fit.")
    return tuple(found)


def _about_measurement(done: Fitted) -> list[str]:
    """What of the measurement is in the signal beside the decay."""
    solution, found = done.solution, []
    if len(done.left_out_ps):
        delays = ", ".join(f"{delay:.4g}" for delay in done.left_out_ps)
        found.append(
            f"{len(done.left_out_ps)} single bad point{'s' * (len(done.left_out_ps) > 1)} at {delays} ps: left out, "
            "neighbours and fit miss it by more than five standard deviations."
        )
    share = solution.sum_share
    if share:
        found.append(
            f"SC - CC holds {share:.1%} of (SC + CC) / 2, as unequal pump power or imperfect polarisation gives: it "
            "was fitted beside the decay."
        )
    model = solution.problem.model
    if "drift" in model.extras:
        drift = abs(solution.drift_share)
        found.append(f"The baseline drifts by {drift:.0%} of the decay's height over the scan: fitted beside it.")
    zero, reach = float(solution.theta[0]), 1.5 * solution.fwhm_ps
    leave_out = f"to leave it out instead, --exclude {zero - reach:.2g} {zero + reach:.2g}."
    if "zeros" in model.extras:
        found.append(
            f"Time zero of CC is {solution.problem.apart_ps:+.3g} ps from that of SC, or a coherent artefact stands at "
            f"time zero: it was fitted beside the decay; {leave_out}"
        )
    given, error = done.irf_given or (solution.fwhm_ps, 0.0)
    if abs(log(solution.fwhm_ps / given)) > DOUBTFUL_PULL * error:
        found.append(
            f"The trace itself shows a response of {solution.fwhm_ps:.3g} ps, {given:.3g} ps was given: check which is "
            "right."
        )
    if "spike" in model.extras:
        found.append(f"A coherent artefact at time zero was fitted beside the decay; {leave_out}")
    if solution.problem.model.decay == "delayed":
        rise = solution.lifetime_ps * float(np.exp(solution.theta[-1]))
        found.append(f"The signal rises with {rise:.3g} ps before it decays: the lifetime is that of the decay.")
    return found


def each_scaled(trace: Trace) -> list[str]:
    """A warning where SC and CC have one largest value, 1 or 100, or are called normalised, or differ by a power of
    ten."""
    if trace.sc is None or trace.cc is None:
        return []
    peaks = [float(np.abs(part).max()) for part in (trace.sc, trace.cc)]
    if max(peaks) > UNLIKE * min(peaks) > 0.0:
        return [f"The largest values of SC and CC are {peaks[0]:.3g} and {peaks[1]:.3g}: are both in one unit?"]
    alike = any(all(abs(peak - whole) < SCALED * whole for peak in peaks) for whole in (1.0, 100.0))
    if not alike and not trace.unit.lower().startswith("norm"):
        return []
    return [
        f"SC and CC were each scaled to their own maximum ({peaks[0]:.4g} and {peaks[1]:.4g}): their difference is no "
        "longer the spin signal. Give both as measured, or scaled by one factor."
    ]


def seem_swapped(trace: Trace, solution: Solution, scale: float) -> bool | None:
    """Whether |SC| < |CC| right after time zero; None where the parts are unknown or the population is not seen. State
    filling bleaches the probe of the pump's own helicity more, so SC - CC has the sign of the population signal (SC +
    CC) / 2. Its sign is taken over the first lifetime after the rise, and must be four standard errors from zero."""
    if trace.sc is None or trace.cc is None:
        return None
    zero, lifetime = float(solution.theta[0]), float(np.exp(solution.theta[1]))
    fwhm = solution.fwhm_ps
    before = trace.delay_ps < zero - fwhm
    after = (trace.delay_ps > zero) & (trace.delay_ps < zero + max(lifetime, 3.0 * fwhm))
    if not after.any():
        return None
    population = 0.5 * (trace.sc + trace.cc)
    # Medians, which single bad points do not move.
    rise = float(np.median(population[after])) - (float(np.median(population[before])) if before.any() else 0.0)
    # The mean of two signals has half the noise of their difference, a median 1.25 times that of a mean.
    stderr = 0.63 * solution.noise * scale * (1.0 / after.sum() + (1.0 / before.sum() if before.any() else 0.0)) ** 0.5
    if abs(rise) < 4.0 * stderr:
        return None
    return bool(np.sign(rise) != np.sign(solution.at.coefficients[0]))


def _about_model(solution: Solution, comparison: tuple[ModelScore, ...], two: ModelScore | None) -> list[str]:
    best = comparison[0]
    own = next(row for row in comparison if row.model == solution.problem.model.name)
    if own.delta_aicc <= LITTLE_SUPPORT:
        if two is None or two.aicc >= solution.aicc:
            return []
        return [
            f"Two lifetimes cannot be told from one (AICc {two.aicc - solution.aicc:+.1f}; {two.describe()}): the "
            "lifetime counts only if there is one."
        ]
    return [
        f"Another decay, {best.model}, fits better (AICc lower by {own.delta_aicc:.0f}; {best.describe()}): the "
        f"{own.model} lifetime does not describe this trace well."
    ]


def _about_window(done: Fitted, lifetime_high_ps: float) -> list[str]:
    solution, problem = done.solution, done.solution.problem
    found = []
    fwhm, delay, zero = solution.fwhm_ps, problem.delay_ps, float(solution.theta[0])
    finest = float(np.diff(np.unique(delay)).min())
    if lifetime_high_ps == inf:
        found.append(
            f"The trace ends {delay[-1] - zero:.3g} ps after time zero, too soon to limit the lifetime from above."
        )
    if done.irf_given is None and fwhm < finest:
        found.append(
            f"The response was fitted but is finer than the delays ({fwhm:.3g} ps against steps of {finest:.3g} ps): "
            "give its width."
        )
    elif done.irf_given is None and fwhm > LONGEST_PULSE_PS:
        found.append(f"The fitted response of {fwhm:.3g} ps is longer than a laser pulse: are the delays in ps?")
    if done.irf_given is not None and finest > 20.0 * fwhm:
        found.append(
            f"The finest delay step is {finest:.3g} ps, {finest / fwhm:.0f} times the response: are the delays in ps?"
        )
    return found


#: An offset or plateau is taken up only when it lowers the AICc by more than this: a model within 2 of the best still
#: has substantial support. Burnham, Anderson, Sociol. Methods Res. 33, 261 (2004), doi 10.1177/0049124104268644.
EXTRA_MARGIN = 2.0
#: Linear terms a decay may stand on without being another decay, and what each must lower the AICc by beyond that: more
#: where it says that the measurement has a fault.
GROUND = {"zeros": 2.0, "offset": 0.0, "drift": 2.0, "plateau": 0.0, "sum": 0.0}
#: A larger share of (SC + CC) / 2 in SC - CC is the polarisation of the spins itself, not unequal pump power; a drift
#: of the baseline by more of the decay's height is another decay.
MAX_SHARE = 0.5
#: Periods that are tried, even in logarithm.
_N_PERIODS = 24
#: How many of the starting points, best first, are followed.
MAX_STARTS = 4
#: Tolerance of the search; what is reported is fitted again to a finer one.
SEARCH_TOL = 1e-5
#: The same for decays of another kind, to a few hundredths of their AICc.
RIVAL_TOL = 1e-4
#: Delays after the rise whose mean is the population's height.
_AFTER_RISE = 12
#: Zeros whose distance changes by less than this share of the response are found.
_SAME_ZEROS = 1e-3
#: Zeros of SC and CC further apart than so many response widths are no slip of the stage.
_FAR_APART = 2.5
#: Second start beside own zeros or an artefact: a lifetime so many times as long.
_SLOWER = 4.0
#: Smallest shares of the height and ratio of the lifetimes of two exponentials that count beside one.
LEAST_FAST, LEAST_SLOW, LEAST_APART = 0.1, 0.03, 1.5
#: Second starting shape of a biexponential: mostly one lifetime with a small slow tail.
_TAIL = (2.0, 2.0)


@dataclass(frozen=True, slots=True)
class ModelScore:
    """One model in the comparison: its name, its AICc (comparable within one trace only) and how far that is above the
    best, mean lifetime (ps), and share of the height and lifetime (ps) of each exponential, fastest first."""

    model: str
    aicc: float
    delta_aicc: float
    lifetime_ps: float
    parts: tuple[tuple[float, float], ...]

    def describe(self) -> str:
        """The lifetimes in words."""
        if len(self.parts) > 1:
            return ", ".join(f"{share:.0%} with {lifetime:.3g} ps" for share, lifetime in self.parts)
        return f"mean lifetime {self.lifetime_ps:.3g} ps"


def second_lifetime(fit: Solution, comparison: tuple[ModelScore, ...]) -> ModelScore | None:
    """The two exponentials not told from a single one, or preferred, if slow and high enough to matter; else None."""
    two = next((row for row in comparison if row.model.startswith("biexponential")), None)
    if two is None or fit.problem.model.decay != "exponential" or two.aicc > fit.aicc + LITTLE_SUPPORT:
        return None
    (share, fast), (other, slow) = two.parts
    seen = share >= LEAST_FAST and other >= LEAST_SLOW and fast > fit.fwhm_ps and slow > LEAST_APART * fast
    return two if seen else None


def best_exponential(problem: Problem) -> Solution:
    """The best single exponential reached from any of its starting points."""
    starts = guesses(problem.delay_ps, problem.signal, problem.width.fwhm_ps)
    thetas = sorted((problem.start(*guess) for guess in starts), key=lambda theta: problem.project(theta).cost)
    reached = [solve(problem, theta, tol=SEARCH_TOL, most=12) for theta in thetas[:MAX_STARTS]]
    return min(reached, key=lambda found: found.at.cost)


def choose_extras(plain: Solution) -> tuple[Solution, list[Solution]]:
    """The single exponential with what of `GROUND` the AICc asks for, and every one that was tried."""
    best, tried = plain, [plain]
    for _ in GROUND:
        base = best
        model = base.problem.model
        spiked = ("zeros",) * ("spike" in model.extras)  # a bell at time zero too
        for extra in (e for e in GROUND if e in base.problem.extras and e not in (*model.extras, *spiked)):
            most = base.aicc - GROUND[extra]
            found = _with_extra(base, extra, min(best.aicc + 3.0 * LITTLE_SUPPORT, most), base is plain)
            tried.append(found)
            most = min(best.aicc, most) - EXTRA_MARGIN
            if found.aicc < most and max(abs(found.sum_share), abs(found.drift_share)) <= MAX_SHARE:
                best = found
        if best is base:
            break
    return best, tried


def _with_extra(base: Solution, extra: str, aicc: float, first: bool) -> Solution:
    """The fit with one more linear term, followed where it promises a lower AICc than that; own zeros beside residuals
    that are not white also where they do not, the first time."""
    problem = base.problem.with_model(base.problem.model.with_extra(extra))
    worth = problem.cost_at(aicc)
    found = solve(problem, base.theta, tol=SEARCH_TOL, most=15, worth=worth)
    if extra != "zeros" or (found.at.cost > worth and (not first or is_white(base.at.residual))):
        return found
    slower = base.theta.copy()  # what the zeros leave may have been taken for a fast decay
    slower[1] += log(_SLOWER)
    own = [_with_own_zeros(fit) for fit in (found, solve(problem, slower, tol=RIVAL_TOL, most=15))]
    return min(own, key=lambda fit: fit.at.cost)


def _with_own_zeros(fit: Solution) -> Solution:
    """The fit with zeros of SC and CC that differ by what they leave of the population's rise; without that term where
    they would be too far apart. Where P rises by p at zeros that differ by a short time d, SC - CC holds p d times the
    response's density."""
    problem = fit.problem
    delay, zero, fwhm = problem.delay_ps, float(fit.theta[0]), fit.fwhm_ps
    population = problem.beside["sum"]
    before, after = population[delay < zero - fwhm], population[delay > zero + fwhm][:_AFTER_RISE]
    rise = float(after.mean() - before.mean()) if len(before) and len(after) else 0.0
    for _ in range(4):
        height = float(fit.at.coefficients[fit.problem.model.slices["zeros"]][0])
        apart = height * fit.problem.response(fit.theta).sigma_ps * sqrt(2.0 * pi)
        if not abs(apart) < _FAR_APART * fwhm * abs(rise):
            return solve(problem.with_model(problem.model.without("zeros")), fit.theta, tol=SEARCH_TOL, most=15)
        before_this = fit.problem.apart_ps
        fit = solve(replace(problem, apart_ps=apart / rise), fit.theta, tol=RIVAL_TOL, most=6)
        if abs(apart / rise - before_this) < _SAME_ZEROS * fwhm:
            break
    return fit


def reach(exponential: Solution, model: Model, aicc: float = inf) -> Solution:
    """The best of `model` reached from a single exponential, near enough for its AICc, where it promises one as low."""
    target = exponential.problem.with_model(model)
    if model.decay == "oscillation":
        starts = _oscillations(target, exponential)
    else:
        shape = [start for start, _, _ in DECAYS[model.decay].values()]
        shapes = [shape, list(_TAIL)] if model.decay == "biexponential" else [shape]
        thetas = [exponential.theta]
        if "spike" in model.extras:  # the artefact may have been taken for a fast decay
            thetas.append(exponential.theta + np.eye(len(exponential.theta))[1] * log(_SLOWER))
        starts = [np.concatenate([theta, start]) for theta in thetas for start in shapes]
    # Beside white residuals an artefact must promise at once to be worth its parameters.
    limited = "spike" in model.extras and is_white(exponential.at.residual)
    aicc = min(aicc, exponential.aicc + LITTLE_SUPPORT) if limited else aicc
    worth = target.cost_at(aicc) if aicc < inf else inf
    first = solve(target, starts[0], tol=RIVAL_TOL, most=25, worth=worth)
    if first.at.cost > worth or ("spike" in model.extras and is_white(first.at.residual)):
        return first
    others = [solve(target, start, tol=RIVAL_TOL, most=25) for start in starts[1:]]
    return min((first, *others), key=lambda fit: fit.at.cost)


def _oscillations(target: Problem, near: Solution) -> list[Array]:
    """Starts of a damped oscillation, best first: periods of two steps to twice the span; the two best."""
    delay, span = target.delay_ps, float(np.ptp(target.delay_ps))
    zero = float(near.theta[0])
    time = np.maximum(delay - zero, 0.0)
    after = (delay > zero).astype(np.float64)
    found = []
    for period in np.geomspace(max(2.0 * float(np.median(np.diff(delay))), span / 500.0), 2.0 * span, _N_PERIODS):
        wave = np.exp(2j * np.pi * time / period)
        for damping in (0.25, 1.0, 4.0):
            curve = after * np.exp(-time / (damping * period)) * wave
            terms = np.column_stack([np.ones_like(delay), curve.real, curve.imag])
            cost = float(np.linalg.lstsq(terms, target.signal, rcond=None)[1].sum())
            found.append((cost, damping * period, -log(damping)))
    found.sort()
    width = near.theta[2:3] if target.width.is_fitted else np.empty(0)
    return [np.array([zero, log(lifetime), *width, ratio]) for _, lifetime, ratio in found[:2]]


def compare(candidates: list[Solution]) -> tuple[ModelScore, ...]:
    """The comparison of models at their best parameters, best AICc first."""
    ranked = sorted(candidates, key=lambda fit: fit.aicc)
    least = ranked[0].aicc
    return tuple(
        ModelScore(fit.problem.model.name, fit.aicc, fit.aicc - least, fit.lifetime_ps, _parts(fit)) for fit in ranked
    )


def _parts(fit: Solution) -> tuple[tuple[float, float], ...]:
    decay = fit.problem.model.decay
    if decay == "biexponential":
        share, fast, slow = biexponential_parts(fit.lifetime_ps, *fit.theta[-2:])
        return (share, fast), (1.0 - share, slow)
    if decay == "delayed":
        slow_height, fast_height = fit.at.coefficients[:2]
        share = float(fast_height / slow_height)
        return (share, fit.lifetime_ps * exp(fit.theta[-1])), (1.0, fit.lifetime_ps)
    return ((1.0, fit.lifetime_ps),) if decay == "exponential" else ()


#: Standard deviation of Gaussian noise over its median absolute deviation, 1 / Phi^-1(3/4).
_SIGMA_PER_MAD = 1.4826
#: Leaving out a point must raise the log-likelihood ratio by this much: a point five standard deviations off gives 25.
_MIN_GAIN = 20.0
#: At most this share of the points is left out.
_MOST = 0.05


def without_outliers(plain: Solution) -> tuple[Solution, NDArray[np.int64]]:
    """The best exponential without single points that fit neither their neighbours nor the rest of the trace, and the
    positions of the points left out, shape (out,), ascending. A point is left out if it stands alone, the trace without
    it still holds a decay, and that decay misses it by more than five standard deviations. Where delays are coarser
    than the response, a point at time zero that has the sign of the signal stays: it may be all that they show of a
    fast decay."""
    problem, out = plain.problem, _isolated(plain.problem.signal)
    for _ in range(2):
        if not len(out):
            break
        kept = np.ones(len(problem.signal), dtype=bool)
        kept[out] = False
        rest = best_exponential(problem.keeping(kept))
        bad = _missed(plain, rest, out)
        if bad.all():
            gain = len(problem.signal) * log(max(plain.at.cost, 1e-300) / max(rest.at.cost, 1e-300))
            return (rest, out) if gain > _MIN_GAIN * len(out) else (plain, out[:0])
        out = out[bad]
    return plain, out[:0]


def _isolated(signal: Array) -> NDArray[np.int64]:
    """Positions of points far from the median of the four around them, where no neighbour is off to the same side."""
    padded = np.pad(signal, 2, mode="reflect")
    around = np.median(np.stack([padded[:-4], padded[1:-3], padded[3:-1], padded[4:]]), axis=0)
    off = signal - around
    scale = _SIGMA_PER_MAD * float(np.median(np.abs(off)))
    side = np.where(np.abs(off) > OUTLIER_SIGMA * scale, np.sign(off), 0.0)
    padded = np.pad(side, 1)
    alone = np.flatnonzero((side != 0.0) & (padded[:-2] != side) & (padded[2:] != side))
    most = max(1, int(_MOST * len(signal)))
    return np.sort(alone[np.argsort(-np.abs(off[alone]))[:most]])


def _missed(plain: Solution, rest: Solution, at: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the points left out the fit to the rest misses, shape of `at`."""
    problem = plain.problem
    if signal_p_value(rest) > MAX_SIGNAL_P:
        return np.zeros(len(at), dtype=bool)
    only = np.zeros(len(problem.signal), dtype=bool)
    only[at] = True
    points = problem.keeping(only)
    off = points.weighed(points.signal - rest.at.coefficients @ points.terms(rest.theta))
    noise = _SIGMA_PER_MAD * float(np.median(np.abs(rest.at.residual)))
    gap = np.diff(problem.delay_ps, prepend=problem.delay_ps[0], append=problem.delay_ps[-1])
    gap = np.maximum(gap[:-1], gap[1:])[at]
    at_zero = np.abs(points.delay_ps - rest.theta[0]) <= np.maximum(1.5 * rest.fwhm_ps, gap)
    at_zero &= (gap > 0.5 * rest.fwhm_ps) & (off * rest.at.coefficients[0] > 0.0)
    missed: NDArray[np.bool_] = (np.abs(off) > OUTLIER_SIGMA * noise) & ~at_zero
    return missed
