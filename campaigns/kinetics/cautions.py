"""What a reader should know before using a fit: tests of the residuals, and warnings."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

if TYPE_CHECKING:
    from campaigns.kinetics.select import ModelScore
    from campaigns.kinetics.solve import Solution
    from campaigns.kinetics.trace import Trace

Array = NDArray[np.float64]

#: A model this far above the best has essentially no support. Burnham, Anderson, Sociol. Methods Res. 33, 261 (2004),
#: doi 10.1177/0049124104268644.
NO_SUPPORT = 10.0
#: White noise gives so small a Ljung-Box p-value once in a thousand traces.
AUTOCORRELATED_P = 1e-3
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
    return float(min(1.0, n * chdtrc(1 + n_nonlinear, ratio)))


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
        ljung_box_p_value=float(chdtrc(lags, statistic)),
        n_outliers=int(np.sum(np.abs(residual) > OUTLIER_SIGMA * solution.noise)),
    )


def _amplitude_over_stderr(solution: Solution) -> float:
    """Amplitude over its standard error at the fitted shape, with the offset and plateau free."""
    decay, others = solution.at.terms[:, 0], solution.at.terms[:, 1:]
    basis = np.linalg.qr(others)[0]
    alone = decay - basis @ (basis.T @ decay)
    return abs(float(solution.at.coefficients[0])) * float(np.linalg.norm(alone)) / max(solution.noise, 1e-300)


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
