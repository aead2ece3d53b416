"""The surrogates by name, to which other packages can add."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from chemspace.registry import Registry
from screening.devices import usable_device
from screening.errors import DeviceError, SurrogateError, UnknownSurrogateError
from screening.surrogates.baselines import BASELINES
from screening.surrogates.ensemble import EnsembleConfig
from screening.surrogates.gaussian_process import KernelSpec
from screening.surrogates.mixture import AutoRecipe, MixtureRecipe, ResidualRecipe
from screening.surrogates.recipe import Movable, Recipe
from screening.surrogates.trees import TreesConfig

__all__ = ["SURROGATES", "get_recipe"]

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


def _itself(recipe: Recipe) -> Recipe:
    return recipe


def _on(device: str, recipe: Recipe) -> Recipe | None:
    return recipe.on(device) if isinstance(recipe, Movable) else None


#: The surrogate of a campaign that names none.
DEFAULT_SURROGATE = "networks_ranked_processes"

ISOTROPIC = KernelSpec("gp_isotropic")
ROUGH = KernelSpec("gp_rough", rough=True)
ARD = KernelSpec("gp_ard", ard=True)

#: Strong anchors: 48 tanh networks whose prior holds five times as much as that of `ensemble`.
NETWORKS = EnsembleConfig(members=48, gain=3.0, noise=0.5, bins=4, patience=60)
#: Least share of networks and of processes: on fifty rows a weight of nothing would be an accident.
SHARE_FLOOR = 0.2


_PROCESSES = (ISOTROPIC, ROUGH, ARD)
NETWORKS_PROCESSES = MixtureRecipe(
    "networks_processes", tuple(replace(spec, bfgs=True) for spec in _PROCESSES), NETWORKS, floor=SHARE_FLOOR
)
_SPINSCREEN = MixtureRecipe("spinscreen", _PROCESSES, None, TreesConfig())
_GP = MixtureRecipe("gp", (ISOTROPIC,), None)
#: The surrogates of this package, the shipped one first, and what `spinscreen plugins` says of each.
_OWN: dict[Recipe, str] = {
    replace(NETWORKS_PROCESSES, name=DEFAULT_SURROGATE, ranks=True): "As `networks_processes`, and the processes see "
    "each feature by its rank, so that odd ones do not stretch it.",
    NETWORKS_PROCESSES: "Networks with numeric embeddings and processes, stacked inside each fold, with a least share "
    "for both.",
    _SPINSCREEN: "The default of release 0.1.0: three Gaussian processes and boosted trees, stacked inside each fold.",
    _GP: "One Gaussian process: constant, linear and Matern 5/2 with one length scale for all features.",
    MixtureRecipe("gp_rough", (ROUGH,), None): "One Gaussian process with Matern 1/2, for targets that jump between "
    "similar compounds.",
    MixtureRecipe("gp_ard", (ARD,), None): "One Gaussian process with a length scale for each feature.",
    MixtureRecipe("gp_pearson", (ISOTROPIC,), None, most_correlated=0.9): "The process `gp` on features of which none "
    "repeats another with |r| above 0.9.",
    MixtureRecipe("ensemble"): "24 small neural networks, each anchored to its own random start.",
    MixtureRecipe("trees", (), None, TreesConfig()): "Boosted trees of depth two, members grown without some of the "
    "groups.",
    MixtureRecipe("gp_ensemble", _PROCESSES): "Three Gaussian processes and the network ensemble, stacked inside each "
    "fold.",
    ResidualRecipe(
        "gp_on_residuals", ISOTROPIC
    ): "The network ensemble, and a Gaussian process on what it leaves over.",
    AutoRecipe("auto", (_SPINSCREEN, _GP, *(BASELINES[name] for name in ("mean", "linear", "svr")))): "`spinscreen`, "
    "`gp`, the mean, linear regression or support vectors, chosen inside each fold.",
}
for _recipe, _words in _OWN.items():
    SURROGATES.add(_recipe.name, partial(_itself, _recipe), type(_recipe), _words)
for _baseline in BASELINES.values():
    SURROGATES.add(_baseline.name, partial(_itself, _baseline), _baseline.make)
