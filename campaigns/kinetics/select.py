"""Which model a trace supports: the best single exponential, what it stands on, and its rivals, by AICc."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaigns.kinetics.model import DECAYS, EXTRAS, Model, biexponential_parts
from campaigns.kinetics.solve import Guess, Problem, Solution, solve

Array = NDArray[np.float64]

#: An offset or plateau is taken up only when it lowers the AICc by more than this: a model within 2 of the best still
#: has substantial support. Burnham, Anderson, Sociol. Methods Res. 33, 261 (2004), doi 10.1177/0049124104268644.
EXTRA_MARGIN = 2.0
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


def best_exponential(problem: Problem, starts: list[Guess]) -> Solution:
    """The best single exponential reached from any start."""
    thetas = sorted((problem.start(*guess) for guess in starts), key=lambda theta: problem.project(theta).cost)
    reached = [solve(problem, theta, tol=SEARCH_TOL, most=12) for theta in thetas[:MAX_STARTS]]
    return min(reached, key=lambda found: found.at.cost)


def choose_extras(plain: Solution) -> Solution:
    """The single exponential with an offset, a plateau or both where the AICc asks for them."""
    best = plain
    for _ in EXTRAS:
        base = best
        for extra in (e for e in EXTRAS if e not in base.problem.model.extras):
            trial = base.problem.with_model(base.problem.model.with_extra(extra))
            found = solve(trial, base.theta, tol=SEARCH_TOL, most=15)
            if found.aicc < best.aicc - EXTRA_MARGIN:
                best = found
        if best is base:
            break
    return best


def reach(exponential: Solution, model: Model) -> Solution:
    """The best of `model` reached from a single exponential, near enough for its AICc."""
    target = exponential.problem.with_model(model)
    shape = [start for start, _, _ in DECAYS[model.decay].values()]
    starts = [shape, list(_TAIL)] if model.decay == "biexponential" else [shape]
    fits = [solve(target, np.concatenate([exponential.theta, start]), tol=1e-5, most=12) for start in starts]
    return min(fits, key=lambda fit: fit.at.cost)


def compare(candidates: list[Solution]) -> tuple[ModelScore, ...]:
    """The comparison of models at their best parameters, best AICc first."""
    ranked = sorted(candidates, key=lambda fit: fit.aicc)
    least = ranked[0].aicc
    return tuple(
        ModelScore(fit.problem.model.name, fit.aicc, fit.aicc - least, fit.lifetime_ps, _parts(fit)) for fit in ranked
    )


def _parts(fit: Solution) -> tuple[tuple[float, float], ...]:
    if fit.problem.model.decay == "biexponential":
        share, fast, slow = biexponential_parts(fit.lifetime_ps, *fit.theta[-2:])
        return (share, fast), (1.0 - share, slow)
    return ((1.0, fit.lifetime_ps),) if fit.problem.model.decay == "exponential" else ()
