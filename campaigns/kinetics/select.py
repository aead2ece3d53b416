"""Which model a trace supports: the best single exponential, its ground and rivals by AICc; and single bad points."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, inf, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from campaigns.kinetics.cautions import LITTLE_SUPPORT, MAX_SIGNAL_P, OUTLIER_SIGMA, is_white, signal_p_value
from campaigns.kinetics.model import DECAYS, Model, biexponential_parts
from campaigns.kinetics.solve import Problem, Solution, guesses, solve

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


Array = NDArray[np.float64]

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
