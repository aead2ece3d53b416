"""Which model a trace supports: the best single exponential, what it stands on, and its rivals, by AICc."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from campaigns.kinetics.model import DECAYS, EXTRAS, Model, biexponential_parts
from campaigns.kinetics.solve import Guess, Problem, Solution, aicc, refine, solve

Array = NDArray[np.float64]

#: An offset or plateau is taken up only when it lowers the AICc by more than this: a model within 2 of the best still
#: has substantial support. Burnham, Anderson, Sociol. Methods Res. 33, 261 (2004), doi 10.1177/0049124104268644.
EXTRA_MARGIN = 2.0
#: How many of the starting points, best first, are followed.
MAX_STARTS = 4
#: Second starting shape of a biexponential: mostly one lifetime with a small slow tail.
_TAIL = (2.0, 2.0)


@dataclass(frozen=True, slots=True)
class ModelScore:
    """One model in the comparison.

    Attributes:
        model: its name.
        aicc: corrected Akaike criterion, comparable within one trace only.
        delta_aicc: how far that is above the best.
        lifetime_ps: mean lifetime, ps.
        parts: share of the height and lifetime (ps) of each exponential, fastest first; empty for a stretched decay.
    """

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


def best_exponential(problem: Problem, starts: list[Guess]) -> Array:
    """Non-linear parameters of the best single exponential reached from any start, shape (p,)."""
    thetas = sorted((problem.start(*guess) for guess in starts), key=lambda theta: problem.project(theta).cost)
    reached = [refine(problem, theta, problem.free, steps=12) for theta in thetas[:MAX_STARTS]]
    return min(reached, key=lambda found: found[1].cost)[0]


def choose_extras(problem: Problem, theta: Array) -> tuple[Problem, Array]:
    """Add an offset, a plateau or both where the AICc asks for them; else return what came in.

    Args:
        problem: a plain single exponential.
        theta: its best parameters, shape (p,).
    """
    best, best_score = (problem, theta), _score(problem, theta)
    for _ in EXTRAS:
        base, at = best
        for extra in (e for e in EXTRAS if e not in base.model.extras):
            trial = base.with_model(base.model.with_extra(extra))
            found, _ = refine(trial, at, trial.free, steps=15)
            score = _score(trial, found)
            if score < best_score - EXTRA_MARGIN:
                best, best_score = (trial, found), score
        if best[0] is base:
            break
    return best


def reach(problem: Problem, model: Model, exponential: Array) -> tuple[Problem, Array]:
    """Parameters of `model` reached from those of the single exponential, shape (p,), near enough for its AICc."""
    target = problem.with_model(model)
    shape = [start for start, _, _ in DECAYS[model.decay].values()]
    starts = [shape, list(_TAIL)] if model.decay == "biexponential" else [shape]
    fits = [refine(target, np.concatenate([exponential, start]), target.free, steps=12, tol=1e-5) for start in starts]
    return target, min(fits, key=lambda fit: fit[1].cost)[0]


def fit_model(problem: Problem, theta: Array) -> Solution:
    """Fit the problem's model from parameters near its optimum, shape (p,)."""
    low, high = problem.limits.T
    margin = 1e-6 * (high - low) * problem.free  # on a limit lmfit's transformation has no slope
    return solve(problem, np.clip(theta, low + margin, high - margin))


def compare(candidates: list[tuple[Problem, Array]]) -> tuple[ModelScore, ...]:
    """The comparison of problems at their best parameters, each of shape (p,), best AICc first."""
    ranked = sorted(((_score(problem, theta), problem, theta) for problem, theta in candidates), key=lambda row: row[0])
    return tuple(
        ModelScore(problem.model.name, score, score - ranked[0][0], exp(theta[1]), _parts(problem, theta))
        for score, problem, theta in ranked
    )


def _parts(problem: Problem, theta: Array) -> tuple[tuple[float, float], ...]:
    lifetime = exp(theta[1])
    if problem.model.decay == "biexponential":
        share, fast, slow = biexponential_parts(lifetime, *theta[-2:])
        return (share, fast), (1.0 - share, slow)
    return ((1.0, lifetime),) if problem.model.decay == "exponential" else ()


def _score(problem: Problem, theta: Array) -> float:
    return aicc(problem.project(theta).cost, len(problem.delay_ps), problem.n_parameters)


#: A residual this many standard deviations out is counted as an outlier: 1 in 1.7 million of Gaussian noise.
OUTLIER_SIGMA = 5.0
_MAX_LAGS = 10


@dataclass(frozen=True, slots=True)
class ResidualTests:
    """What the residuals say.

    Attributes:
        signal_p_value: probability that noise alone fakes so good a decay anywhere in the trace.
        amplitude_over_stderr: fitted amplitude in units of its standard error at the fitted shape.
        lag1_autocorrelation: of successive residuals; 0 for white noise.
        ljung_box_p_value: probability of so much autocorrelation (up to ten lags) in white noise.
        n_outliers: residuals more than five standard deviations out.
    """

    signal_p_value: float
    amplitude_over_stderr: float
    lag1_autocorrelation: float
    ljung_box_p_value: float
    n_outliers: int


def signal_p_value(signal: Array, cost: float, n_nonlinear: int) -> float:
    """Probability that pure noise gives a decay that lowers the sum of squares so far, with time zero searched for.

    The likelihood ratio against a constant, n ln(SSR0 / SSR), as chi-squared with one degree for the amplitude and one
    for each non-linear parameter, times the number of delays at which the decay could have begun (Bonferroni).
    benchmarks/kinetics_synthetic.py measures on pure noise how often it falls below 0.01.

    Args:
        signal: shape (t,).
        cost: sum of squared residuals of the fit.
        n_nonlinear: number of fitted non-linear parameters.
    """
    n = len(signal)
    flat = float(np.sum((signal - signal.mean()) ** 2))
    ratio = n * np.log(max(flat, 1e-300) / max(cost, 1e-300))
    return float(min(1.0, n * chi2.sf(ratio, 1 + n_nonlinear)))


def tests_of(solution: Solution, p_value: float) -> ResidualTests:
    """Tests of the residuals of a fit.

    Source: Ljung, Box, Biometrika 65, 297 (1978), doi 10.1093/biomet/65.2.297.
    """
    residual = solution.at.residual
    n, lags = len(residual), min(_MAX_LAGS, len(residual) // 5)
    power = max(float(residual @ residual), 1e-300)
    correlation = np.array([residual[lag:] @ residual[:-lag] / power for lag in range(1, lags + 1)])
    statistic = n * (n + 2) * float(np.sum(correlation**2 / (n - np.arange(1, lags + 1))))
    return ResidualTests(
        signal_p_value=p_value,
        amplitude_over_stderr=_amplitude_over_stderr(solution),
        lag1_autocorrelation=float(correlation[0]),
        ljung_box_p_value=float(chi2.sf(statistic, lags)),
        n_outliers=int(np.sum(np.abs(residual) > OUTLIER_SIGMA * solution.noise)),
    )


def _amplitude_over_stderr(solution: Solution) -> float:
    """Amplitude over its standard error at the fitted shape, with the offset and plateau free."""
    decay, others = solution.at.terms[:, 0], solution.at.terms[:, 1:]
    basis = np.linalg.qr(others)[0]
    alone = decay - basis @ (basis.T @ decay)
    return abs(float(solution.at.coefficients[0])) * float(np.linalg.norm(alone)) / max(solution.noise, 1e-300)
