"""Strategies that a back-test compares: ours, chance, and what a group would otherwise use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screening.errors import BacktestError
from screening.pool import suggest_from_pool
from screening.surrogates.problem import MIN_ROWS

__all__ = ["STRATEGIES", "Strategy", "get_strategy"]

Array = NDArray[np.float64]
#: (pool (m, d), rows measured (k,), their losses (k,), batch size, seed) -> rows to measure next.
Chooser = Callable[[Array, NDArray[np.int64], Array, int, int], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Strategy:
    """A name, one line about it, and the function that chooses rows never measured before."""

    name: str
    words: str
    choose: Chooser


def get_strategy(name: str) -> Strategy:
    """The strategy of a name.

    Raises:
        BacktestError: for a name that is not known; the message lists those that are.
    """
    try:
        return STRATEGIES[name]
    except KeyError:
        raise BacktestError(f"unknown strategy {name!r}; known: {', '.join(STRATEGIES)}") from None


def _spinscreen(pool: Array, seen: NDArray[np.int64], loss: Array, q: int, seed: int) -> NDArray[np.int64]:
    fresh, copies = _fresh_and_copies(pool, seen)
    if len(fresh) < q:
        return np.concatenate([fresh, copies])[:q]
    chosen: NDArray[np.int64] = fresh[suggest_from_pool(pool[fresh], pool[seen], loss, q, seed)]
    return chosen


def _surrogate(pool: Array, seen: NDArray[np.int64], loss: Array, q: int, seed: int) -> NDArray[np.int64]:
    from screening.batch.values import next_values
    from screening.surrogates import fit_surrogate

    fresh, copies = _fresh_and_copies(pool, seen)
    if len(fresh) < q:
        return np.concatenate([fresh, copies])[:q]
    if len(seen) < MIN_ROWS:
        return fresh[suggest_from_pool(pool[fresh], pool[seen], loss, q, seed)]
    model = fit_surrogate(pool[seen], loss, seed=seed).model
    x, chosen = pool[fresh], list[int]()
    while len(chosen) < q:
        value = next_values("log_ei", model, x, x[chosen], float(loss.min()), seed)
        value[chosen] = -np.inf
        chosen.append(int(np.argmax(value)))
    return fresh[chosen]


def _fresh_and_copies(pool: Array, seen: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows left that were never measured, and those that repeat a measured one: a table may hold replicates."""
    free = np.setdiff1d(np.arange(len(pool)), seen)
    copies = (pool[free][:, None, :] == pool[seen][None, :, :]).all(axis=2).any(axis=1)
    return free[~copies], free[copies]


def _random(pool: Array, seen: NDArray[np.int64], loss: Array, q: int, seed: int) -> NDArray[np.int64]:
    free = np.setdiff1d(np.arange(len(pool)), seen)
    return np.random.default_rng([seed, len(seen)]).permutation(free)[:q]


def _forest(pool: Array, seen: NDArray[np.int64], loss: Array, q: int, seed: int) -> NDArray[np.int64]:
    from sklearn.ensemble import RandomForestRegressor

    free = np.setdiff1d(np.arange(len(pool)), seen)
    model = RandomForestRegressor(n_estimators=100, random_state=seed).fit(pool[seen], loss)
    order: NDArray[np.int64] = np.argsort(np.asarray(model.predict(pool[free])), kind="stable")
    return free[order[:q]]


def _botorch(pool: Array, seen: NDArray[np.int64], loss: Array, q: int, seed: int) -> NDArray[np.int64]:
    import torch
    from botorch.acquisition.logei import qLogExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from botorch.models.transforms.input import Normalize
    from botorch.sampling.normal import SobolQMCNormalSampler
    from gpytorch.mlls import ExactMarginalLogLikelihood

    from screening.acquisition.joint import choose_with

    free = np.setdiff1d(np.arange(len(pool)), seen)
    bounds = torch.as_tensor(np.stack([pool.min(axis=0), pool.max(axis=0)]))
    bounds[1] = torch.where(bounds[1] > bounds[0], bounds[1], bounds[0] + 1.0)
    model = SingleTaskGP(
        torch.as_tensor(pool[seen]),
        torch.as_tensor(-loss)[:, None],
        input_transform=Normalize(pool.shape[1], bounds=bounds),
    )
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    sampler = SobolQMCNormalSampler(torch.Size([512]), seed=seed)
    acquisition = qLogExpectedImprovement(model, best_f=float((-loss).max()), sampler=sampler)
    return free[choose_with(acquisition, pool[free], q)]


_ALL = (
    Strategy("spinscreen", "this engine: a committee of Gaussian processes, joint expected improvement", _spinscreen),
    Strategy("surrogate", "the surrogate of campaigns (processes and trees), joint expected improvement", _surrogate),
    Strategy("random", "chance", _random),
    Strategy("botorch", "BoTorch's SingleTaskGP with qLogEI over the whole table", _botorch),
    Strategy("forest", "scikit-learn's random forest, best predicted rows first", _forest),
)
#: Every strategy by name.
STRATEGIES = {item.name: item for item in _ALL}
