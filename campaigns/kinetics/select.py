"""Which model a trace supports: the best single exponential, what it stands on, and its rivals, by AICc."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from campaigns.kinetics.models import DECAYS, EXTRAS, Model, biexponential_parts
from campaigns.kinetics.problem import Problem
from campaigns.kinetics.solve import Solution, aicc, refine, solve
from campaigns.kinetics.start import Guess

__all__ = ["ModelScore", "best_exponential", "choose_extras", "compare", "fit_model", "reach"]

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
