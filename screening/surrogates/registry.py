"""The surrogates by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from screening.devices import usable_device
from screening.errors import DeviceError, UnknownSurrogateError
from screening.surrogates.baselines import BASELINES
from screening.surrogates.gaussian_process import KernelSpec
from screening.surrogates.mixture import MixtureRecipe, ResidualRecipe
from screening.surrogates.problem import FoldFits, Problem, Recipe
from screening.surrogates.trees import TreesConfig

if TYPE_CHECKING:
    from botorch.models.model import Model

__all__ = ["DEFAULT_SURROGATE", "get_recipe"]


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


#: The surrogate of a campaign that names none.
DEFAULT_SURROGATE = "spinscreen"

ISOTROPIC = KernelSpec("gp_isotropic")
ROUGH = KernelSpec("gp_rough", rough=True)
ARD = KernelSpec("gp_ard", ard=True)

_SHIPPED = MixtureRecipe(DEFAULT_SURROGATE, (ISOTROPIC, ROUGH, ARD), None, TreesConfig())
_GP = MixtureRecipe("gp", (ISOTROPIC,), None)
_BASELINES = {recipe.name: recipe for recipe in BASELINES}

_RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _SHIPPED,
        _GP,
        MixtureRecipe("gp_rough", (ROUGH,), None),
        MixtureRecipe("gp_ard", (ARD,), None),
        MixtureRecipe("gp_pearson", (ISOTROPIC,), None, most_correlated=0.9),
        MixtureRecipe("ensemble", ()),
        MixtureRecipe("trees", (), None, TreesConfig()),
        MixtureRecipe("gp_ensemble", (ISOTROPIC, ROUGH, ARD)),
        ResidualRecipe("gp_on_residuals", ISOTROPIC),
        AutoRecipe("auto", (_SHIPPED, _GP, _BASELINES["mean"], _BASELINES["linear"], _BASELINES["svr"])),
        *BASELINES,
    )
}


def surrogate_names() -> tuple[str, ...]:
    """Names `get_recipe` knows, the shipped default first."""
    return tuple(_RECIPES)


def get_recipe(name: str, device: str = "cpu") -> Recipe:
    """The recipe of that name, fitted on that device.

    Args:
        name: one of `surrogate_names`.
        device: "cpu" or a CUDA device, for Gaussian processes and networks. Trees and the baselines of scikit-learn
            and XGBoost run on the processor, also where they are candidates beside those.

    Raises:
        UnknownSurrogateError: if there is none; the message lists those there are.
        DeviceError: if the device is not there, or nothing of this surrogate could run on it.
    """
    try:
        recipe = _RECIPES[name]
    except KeyError:
        known = ", ".join(surrogate_names())
        raise UnknownSurrogateError(f"no surrogate is called {name!r}; there are {known}") from None
    if usable_device(device) == "cpu":
        return recipe
    moved = _on(device, recipe)
    if moved is None:
        able = ", ".join(known for known, other in _RECIPES.items() if _on(device, other) is not None)
        raise DeviceError(f"nothing of {name!r} runs on {device!r}; leave the device away, or choose one of {able}")
    return moved


def _on(device: str, recipe: Recipe) -> Recipe | None:
    """The recipe with its processes and networks on a device; None if it has neither."""
    if isinstance(recipe, AutoRecipe):
        return replace(recipe, candidates=tuple(_on(device, own) or own for own in recipe.candidates))
    if isinstance(recipe, ResidualRecipe):
        return replace(recipe, device=device)
    if isinstance(recipe, MixtureRecipe) and (recipe.kernels or recipe.ensemble is not None):
        return replace(recipe, device=device)
    return None
