"""The surrogates by name."""

from __future__ import annotations

from screening.errors import UnknownSurrogateError
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


def get_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        UnknownSurrogateError: if there is none; the message lists those there are.
    """
    try:
        return _RECIPES[name]
    except KeyError:
        known = ", ".join(surrogate_names())
        raise UnknownSurrogateError(f"no surrogate is called {name!r}; there are {known}") from None
