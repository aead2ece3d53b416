"""The surrogate that chooses: the candidate with the best density on groups it has not seen, inside each fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from screening.surrogates.problem import Problem
from screening.surrogates.recipe import FoldFits, Recipe

if TYPE_CHECKING:
    from botorch.models.model import Model

__all__ = ["AutoFits", "AutoRecipe"]

#: Groups are dealt to this many inner folds.
INNER_FOLDS = 4


@dataclass(frozen=True)
class AutoFits:
    """The chosen candidate of each fold.

    Attributes:
        names: of the candidates.
        nlpd: mean negative log predictive density of each candidate inside each fold, shape (c, f), nats.
        chosen: position of the chosen candidate, shape (f,).
        fits: fits of each candidate on the folds that chose it, by position.
        place: position of each fold among the folds of its candidate, shape (f,).
    """

    names: tuple[str, ...]
    nlpd: NDArray[np.float64]
    chosen: NDArray[np.int64]
    fits: dict[int, FoldFits]
    place: NDArray[np.int64]

    def predict(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance by every fold, each (f, m); x is (m, d)."""
        mean, variance = np.empty((self.chosen.size, len(x))), np.empty((self.chosen.size, len(x)))
        for candidate, fits in self.fits.items():
            mean[self.chosen == candidate], variance[self.chosen == candidate] = fits.predict(x)
        return mean, variance

    def model(self, fold: int, noise_variance: float, calibration: float) -> Model:
        """BoTorch model of one fold."""
        return self.fits[int(self.chosen[fold])].model(int(self.place[fold]), noise_variance, calibration)

    def describe(self, fold: int) -> dict[str, Any]:
        """What was chosen and why."""
        scores = {name: round(float(v), 4) for name, v in zip(self.names, self.nlpd[:, fold], strict=True)}
        best = self.names[int(self.chosen[fold])]
        return {
            "chosen": best,
            "nlpd": scores,
            "reason": f"{best} has the lowest negative log predictive density on groups it had not seen",
            "details": self.fits[int(self.chosen[fold])].describe(int(self.place[fold])),
        }


@dataclass(frozen=True)
class AutoRecipe:
    """Candidates to choose from.

    Attributes:
        name: the name in tables, commands and provenance.
        candidates: recipes.
    """

    name: str
    candidates: tuple[Recipe, ...]

    def fit(self, problem: Problem, mask: NDArray[np.bool_], seed: int) -> AutoFits:
        """Choose inside every fold and fit the choice there; mask is (f, k)."""
        nlpd = np.array([_inner_nlpd(r, problem, mask, seed) for r in self.candidates])
        chosen = nlpd.argmin(0)
        fits, place = {}, np.zeros(len(mask), dtype=np.int64)
        for candidate in np.unique(chosen):
            own = chosen == candidate
            place[own] = np.arange(own.sum())
            fits[int(candidate)] = self.candidates[int(candidate)].fit(problem, mask[own], seed)
        return AutoFits(tuple(r.name for r in self.candidates), nlpd, chosen, fits, place)


def _inner_nlpd(recipe: Recipe, problem: Problem, mask: NDArray[np.bool_], seed: int) -> NDArray[np.float64]:
    """Mean negative log density of training rows under fits without their group, shape (f,)."""
    groups = problem.groups if np.unique(problem.groups).size > 1 else np.arange(problem.n_rows)
    codes = np.random.default_rng(seed).permutation(np.unique(groups))
    total, count = np.zeros(len(mask)), np.zeros(len(mask))
    for part in np.array_split(codes, min(INNER_FOLDS, codes.size)):
        out = np.isin(groups, part)
        inner = mask & ~out
        usable = (inner & ~problem.censored).sum(1) >= 2
        mean, variance = recipe.fit(problem, inner[usable], seed).predict(problem.x)
        variance = variance + problem.noise_variance
        density = 0.5 * ((problem.y - mean) ** 2 / variance + np.log(2.0 * np.pi * variance))
        rows = mask[usable] & out & ~problem.censored
        total[usable] += (density * rows).sum(1)
        count[usable] += rows.sum(1)
    nlpd: NDArray[np.float64] = np.where(count > 0, total / np.maximum(count, 1.0), np.inf)
    return nlpd
