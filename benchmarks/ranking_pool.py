"""Ways to choose four experiments from a large table of candidates: ours, and what users of the other tools can do.

Every way is given the pool (m, d), observations (k, d) and results (k,), smaller being better, and fits its own model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONTENDERS", "baybe_campaign", "problem"]

Array = NDArray[np.float64]
Q = 4
#: Candidates that a way with a screen hands on to its batch optimiser, and that it looks at at once (memory, cache).
KEPT, BLOCK = 500, 1024


def problem(m: int) -> tuple[Array, Array, Array]:
    """Pool (m, 10), observations (60, 10) and results (60,)."""
    rng = np.random.default_rng(0)
    pool, x = rng.random((m, 10)), rng.random((60, 10))
    return pool, x, np.sin(5 * x[:, 0]) + x[:, 1] ** 2 + 0.1 * rng.standard_normal(60)


def ours(pool: Array, x: Array, y: Array) -> object:
    """As the command `suggest --pool` does."""
    from screening.pool import suggest_from_pool

    return suggest_from_pool(pool, x, y, Q, seed=0)


def forest(pool: Array, x: Array, y: Array) -> object:
    """scikit-learn's, expected improvement from the spread of its trees, the best four."""
    from scipy.stats import norm
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(n_estimators=100, random_state=0).fit(x, y)
    each = np.array([tree.predict(pool) for tree in model.estimators_])
    mean, sd = each.mean(axis=0), np.maximum(each.std(axis=0), 1e-9)
    z = (y.min() - mean) / sd
    return _best(sd * (z * norm.cdf(z) + norm.pdf(z)), Q)


def botorch(pool: Array, x: Array, y: Array) -> object:
    """SingleTaskGP, qLogEI and optimize_acqf_discrete over the whole pool."""
    import torch

    return _botorch_batch(_botorch_model(x, y), -y, torch.as_tensor(pool))


def botorch_screened(pool: Array, x: Array, y: Array) -> object:
    """The same over the best few of LogEI, taken one by one in blocks."""
    import torch
    from botorch.acquisition.analytic import LogExpectedImprovement

    model, choices = _botorch_model(x, y), torch.as_tensor(pool)
    one = LogExpectedImprovement(model, best_f=float((-y).max()))
    with torch.no_grad():
        value = torch.cat([one(block[:, None]) for block in choices.split(BLOCK)])
    return _botorch_batch(model, -y, choices[torch.topk(value, KEPT).indices])


def _botorch_model(x: Array, y: Array) -> Any:
    import torch
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood

    model = SingleTaskGP(torch.as_tensor(x), torch.as_tensor(-y)[:, None])
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    return model


def _botorch_batch(model: Any, value: Array, choices: Any) -> object:
    from botorch.acquisition.logei import qLogExpectedImprovement
    from botorch.optim import optimize_acqf_discrete

    gain = qLogExpectedImprovement(model, best_f=float(value.max()))
    return optimize_acqf_discrete(gain, q=Q, choices=choices, max_batch_size=2048)


def baybe(pool: Array, x: Array, y: Array) -> object:
    """A campaign with the default recommender, parameters inferred: checking given ones is quadratic in candidates."""
    return baybe_campaign(_baybe_frame(np.vstack([pool, x])), _baybe_frame(x).assign(loss=y)).recommend(batch_size=Q)


def baybe_screened(pool: Array, x: Array, y: Array) -> object:
    """The same over the best few of its LogEI, taken one by one in blocks."""
    from baybe.acquisition import LogExpectedImprovement
    from baybe.recommenders import BotorchRecommender

    told = baybe_campaign(_baybe_frame(np.vstack([pool, x])), _baybe_frame(x).assign(loss=y))
    asked = told.searchspace, told.objective, told.measurements
    surrogate, one = BotorchRecommender().get_surrogate(*asked), LogExpectedImprovement()
    blocks = [_baybe_frame(pool[at : at + BLOCK]) for at in range(0, len(pool), BLOCK)]
    value = np.concatenate([one.evaluate(block, surrogate, *asked).to_numpy() for block in blocks])
    kept = np.vstack([pool[_best(value, KEPT)], x])
    return baybe_campaign(_baybe_frame(kept), _baybe_frame(x).assign(loss=y)).recommend(batch_size=Q)


def _baybe_frame(rows: Array) -> Any:
    import pandas as pd

    return pd.DataFrame(rows, columns=[f"x{j}" for j in range(rows.shape[1])])


def baybe_campaign(candidates: Any, results: Any) -> Any:
    """BayBE's campaign over a frame of candidates, told a frame of results with the column "loss"."""
    from baybe import Campaign
    from baybe.objectives import SingleTargetObjective
    from baybe.searchspace import SearchSpace, SubspaceDiscrete
    from baybe.targets import NumericalTarget

    campaign = Campaign(
        SearchSpace(discrete=SubspaceDiscrete.from_dataframe(candidates)),
        SingleTargetObjective(NumericalTarget("loss", minimize=True)),
        allow_recommending_already_measured=False,
    )
    campaign.add_measurements(results, numerical_measurements_must_be_within_tolerance=False)
    return campaign


def ax(pool: Array, x: Array, y: Array) -> object:
    """Ax has no pool: its acquisition is asked for every candidate, in blocks, and the best four are taken."""
    import logging

    logging.disable(logging.WARNING)
    from ax.adapter.registry import Generators
    from ax.api.client import Client
    from ax.api.configs import RangeParameterConfig
    from ax.core.observation import ObservationFeatures

    names = [f"x{j}" for j in range(pool.shape[1])]
    client = Client(random_seed=0)
    client.configure_experiment(
        [RangeParameterConfig(name=name, parameter_type="float", bounds=(0.0, 1.0)) for name in names]
    )
    client.configure_optimization(objective="-loss")
    for row, value in zip(x, y, strict=True):
        trial = client.attach_trial(dict(zip(names, row.tolist(), strict=True)))
        client.complete_trial(trial, raw_data={"loss": float(value)})
    experiment = client._experiment
    adapter = Generators.BOTORCH_MODULAR(experiment=experiment, data=experiment.lookup_data())
    values: list[float] = []
    for at in range(0, len(pool), BLOCK):
        block = [ObservationFeatures(dict(zip(names, row.tolist(), strict=True))) for row in pool[at : at + BLOCK]]
        values += adapter.evaluate_acquisition_function(observation_features=[[one] for one in block])
    return _best(np.array(values), Q)


def _best(value: Array, number: int) -> NDArray[np.int64]:
    return np.argsort(-value)[:number]


#: By the name that the tables show; ours first.
CONTENDERS: Mapping[str, Callable[[Array, Array, Array], object]] = MappingProxyType(
    {
        "spinscreen": ours,
        "random forest": forest,
        "BoTorch": botorch,
        "BoTorch after a screen": botorch_screened,
        "BayBE": baybe,
        "BayBE after a screen": baybe_screened,
        "Ax": ax,
    }
)
