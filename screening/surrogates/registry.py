"""The surrogates by name, to which other packages can add."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from chemspace.registry import Registry
from screening.devices import usable_device
from screening.errors import DeviceError, SurrogateError, UnknownSurrogateError
from screening.surrogates.recipe import DEFAULT_SURROGATE, Movable, Recipe

__all__ = ["DEFAULT_SURROGATE", "SURROGATES", "get_recipe"]

#: What makes the recipe of each name.
SURROGATES: Registry[Callable[[], Recipe]] = Registry("surrogate", UnknownSurrogateError)

Maker = TypeVar("Maker", bound=Callable[[], Recipe])


def register_surrogate(name: str) -> Callable[[Maker], Maker]:
    """Decorate a class without arguments, or a function, that makes a `Recipe` of this `name`. Campaigns,
    `fit_surrogate`, validation and the command line then know it by its name; the first sentence of its docstring is
    what `spinscreen plugins` says of it. Raises RegistryError if the name is taken."""

    def add(make: Maker) -> Maker:
        SURROGATES.add(name, make)
        return make

    return add


def surrogate_names() -> tuple[str, ...]:
    """Names `get_recipe` knows, the shipped default first."""
    return tuple(SURROGATES)


def learns_tasks(recipe: Recipe) -> bool:
    """Whether rows of related tasks teach this recipe anything, as its attribute of this name says."""
    return bool(getattr(recipe, "learns_tasks", False))


def get_recipe(name: str, device: str = "cpu", *, tasks: bool = False) -> Recipe:
    """The recipe of that name, fitted on that device: "cpu" or a CUDA device, for processes and networks; trees and
    baselines run on the processor anyway. `tasks`: whether it is to learn from rows of related tasks too. Raises
    UnknownSurrogateError naming the nearest; SurrogateError if what was registered makes another recipe, or none for
    related tasks; DeviceError if the device is not there, or nothing of it could run there."""
    recipe = SURROGATES.get(name)()
    if recipe.name != name:
        raise SurrogateError(f"what is registered as the surrogate {name!r} makes a recipe called {recipe.name!r}")
    if tasks and not learns_tasks(recipe):
        raise SurrogateError(f"the surrogate {name!r} learns nothing from related tasks; networks and processes do")
    if usable_device(device) == "cpu":
        return recipe
    moved = _on(device, recipe)
    if moved is None:
        able = ", ".join(e.name for e in SURROGATES.entries() if _on(device, e.item()) is not None)
        raise DeviceError(f"nothing of {name!r} runs on {device!r}; leave the device away, or choose one of {able}")
    return moved


def _on(device: str, recipe: Recipe) -> Recipe | None:
    return recipe.on(device) if isinstance(recipe, Movable) else None


#: What spinscreen itself brings, and what each is.
_SHIPPED = {
    DEFAULT_SURROGATE: (
        "As `networks_processes`, and the processes see each feature by its rank, so that odd ones do not stretch it."
    ),
    "networks_processes": (
        "Networks with numeric embeddings and processes, stacked inside each fold, with a least share for both."
    ),
    "spinscreen": "The default of release 0.1.0: three Gaussian processes and boosted trees, stacked inside each fold.",
    "gp": "One Gaussian process: constant, linear and Matern 5/2 with one length scale for all features.",
    "gp_rough": "One Gaussian process with Matern 1/2, for targets that jump between similar compounds.",
    "gp_ard": "One Gaussian process with a length scale for each feature.",
    "gp_pearson": "The process `gp` on features of which none repeats another with |r| above 0.9.",
    "ensemble": "24 small neural networks, each anchored to its own random start.",
    "trees": "Boosted trees of depth two, members grown without some of the groups.",
    "gp_ensemble": "Three Gaussian processes and the network ensemble, stacked inside each fold.",
    "gp_on_residuals": "The network ensemble, and a Gaussian process on what it leaves over.",
    "auto": "`spinscreen`, `gp`, the mean, linear regression or support vectors, chosen inside each fold.",
    "mean": "The mean of the training rows.",
    "two_group": "The best single split of one feature.",
    "linear": "Linear regression on standardised features.",
    "random_forest": "A random forest of 100 trees.",
    "svr": "Support vector regression with a Gaussian kernel.",
    "xgboost": "XGBoost: 100 trees of depth three.",
}


def _shipped(name: str) -> Recipe:
    from screening.surrogates.mixture import RECIPES  # imports torch, which names and words need not

    return RECIPES[name]


for _name, _words in _SHIPPED.items():
    SURROGATES.add(_name, partial(_shipped, _name), _shipped, _words)
