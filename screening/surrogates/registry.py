"""The surrogates by name."""

from __future__ import annotations

from dataclasses import replace

from screening.devices import usable_device
from screening.errors import DeviceError, UnknownSurrogateError
from screening.surrogates.auto import AutoRecipe
from screening.surrogates.baselines import BASELINES
from screening.surrogates.joint import MixtureRecipe
from screening.surrogates.kernels import KernelSpec
from screening.surrogates.recipe import Recipe
from screening.surrogates.residual import ResidualRecipe
from screening.surrogates.trees import TreesConfig

__all__ = ["DEFAULT_SURROGATE", "get_recipe", "surrogate_names"]

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
