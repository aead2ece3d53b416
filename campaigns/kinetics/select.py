"""Which model a trace supports: the best single exponential, what it stands on, and its rivals, by AICc."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from campaigns.kinetics.model import DECAYS, Model, biexponential_parts
from campaigns.kinetics.solve import Problem, Solution, guesses, solve

Array = NDArray[np.float64]

#: An offset or plateau is taken up only when it lowers the AICc by more than this: a model within 2 of the best still
#: has substantial support. Burnham, Anderson, Sociol. Methods Res. 33, 261 (2004), doi 10.1177/0049124104268644.
EXTRA_MARGIN = 2.0
#: Linear terms a decay may stand on without being another decay.
GROUND = ("offset", "plateau", "sum")
#: A larger share of (SC + CC) / 2 in SC - CC is the polarisation of the spins itself, not unequal pump power.
MAX_SHARE = 0.5
#: Periods that are tried, even in logarithm.
_N_PERIODS = 24
#: How many of the starting points, best first, are followed.
MAX_STARTS = 4
#: Tolerance of the search; what is reported is fitted again to a finer one.
SEARCH_TOL = 1e-5
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


def best_exponential(problem: Problem) -> Solution:
    """The best single exponential reached from any of its starting points."""
    starts = guesses(problem.delay_ps, problem.signal, problem.width.fwhm_ps)
    thetas = sorted((problem.start(*guess) for guess in starts), key=lambda theta: problem.project(theta).cost)
    reached = [solve(problem, theta, tol=SEARCH_TOL, most=12) for theta in thetas[:MAX_STARTS]]
    return min(reached, key=lambda found: found.at.cost)


def choose_extras(plain: Solution) -> Solution:
    """The single exponential with an offset, a plateau or a share of the sum where the AICc asks for them."""
    best = plain
    for _ in GROUND:
        base = best
        model = base.problem.model
        for extra in (e for e in GROUND if e in base.problem.extras and e not in model.extras):
            found = solve(base.problem.with_model(model.with_extra(extra)), base.theta, tol=SEARCH_TOL, most=15)
            if found.aicc < best.aicc - EXTRA_MARGIN and abs(found.sum_share) <= MAX_SHARE:
                best = found
        if best is base:
            break
    return best


def reach(exponential: Solution, model: Model) -> Solution:
    """The best of `model` reached from a single exponential, near enough for its AICc."""
    target = exponential.problem.with_model(model)
    if model.decay == "oscillation":
        starts = _oscillations(target, exponential)
    else:
        shape = [start for start, _, _ in DECAYS[model.decay].values()]
        shapes = [shape, list(_TAIL)] if model.decay == "biexponential" else [shape]
        starts = [np.concatenate([exponential.theta, start]) for start in shapes]
    fits = [solve(target, start, tol=1e-5, most=12) for start in starts]
    return min(fits, key=lambda fit: fit.at.cost)


def _oscillations(target: Problem, near: Solution) -> list[Array]:
    """Starts of a damped oscillation, best first: of periods from two delay steps to twice the span, damped within a
    quarter of a period to four, those two that leave least of a sharp-edged trace."""
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
