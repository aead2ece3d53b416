"""One suggestion of four from a table of candidates, by size of the table; and a whole space ranked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks import ranking_pool
from benchmarks.registry import Outcome, Setting, case
from benchmarks.timing import timed

Array = NDArray[np.float64]
#: Largest table each contender is asked about, so that all cases fit half an hour; beyond it, it is left out by name.
LARGEST = {"spinscreen": 10**7, "random forest": 10**6, "BoTorch": 10**4, "BayBE": 10**4, "Ax": 10**3}
REPEATS = {"spinscreen": 5, "random forest": 5, "BoTorch": 2, "BayBE": 2, "Ax": 2}
Q = 4


def _pool(size: int, setting: Setting) -> Outcome:
    pool, x, y = ranking_pool.problem(size)
    contenders: dict[str, Callable[[], object]] = {
        "spinscreen": lambda: ranking_pool.ours(size),
        "random forest": lambda: _forest(pool, x, y),
        "BoTorch": lambda: ranking_pool.botorch_exact(size),
        "BayBE": lambda: _baybe(pool, x, y),
        "Ax": lambda: _ax(pool, x, y),
    }
    outcome = Outcome()
    for name, work in contenders.items():
        if size > LARGEST[name]:
            outcome.absent[name] = f"only asked up to {LARGEST[name]:,} candidates, to keep the run short"
            continue
        try:
            work()  # once, for what is loaded and compiled first
            outcome.samples[name] = [timed(work)[1] for _ in range(setting.times(REPEATS[name]))]
        except ImportError as missing:
            outcome.absent[name] = f"{missing}; make bench-env installs it"
    outcome.notes.append("fitting included; 60 observations, 10 descriptors, batch of 4")
    return outcome


@case("suggest-1e3", "A suggestion of 4 from 1,000 candidates", "CPU s", "one suggestion")
def suggest_thousand(setting: Setting) -> Outcome:
    """Everybody."""
    return _pool(10**3, setting)


@case("suggest-1e4", "A suggestion of 4 from 10,000 candidates", "CPU s", "one suggestion")
def suggest_ten_thousand(setting: Setting) -> Outcome:
    """All but Ax."""
    return _pool(10**4, setting)


@case("suggest-1e5", "A suggestion of 4 from 100,000 candidates", "CPU s", "one suggestion")
def suggest_hundred_thousand(setting: Setting) -> Outcome:
    """Ours and the forest."""
    return _pool(10**5, setting)


@case("suggest-1e6", "A suggestion of 4 from 1,000,000 candidates", "CPU s", "one suggestion")
def suggest_million(setting: Setting) -> Outcome:
    """Ours and the forest."""
    return _pool(10**6, setting)


@case("rank-1e5", "Ranking a space of 100,000 compounds with the shipped surrogate", "CPU s", "one pass")
def rank_space(setting: Setting) -> Outcome:
    """The float32 pass, the same in float64, and the surrogate's BoTorch posterior with log EI, block by block."""
    return _space(100_000, setting, with_posterior=True)


@case("rank-1e7", "Ranking a space of 10,000,000 compounds with the shipped surrogate", "CPU s", "one pass", slow=True)
def rank_large(setting: Setting) -> Outcome:
    """The float32 pass against float64."""
    return _space(10**7, setting, with_posterior=False)


@case("rank-1e9", "Ranking a space of 10^9 compounds with the shipped surrogate", "CPU s", "one pass", slow=True)
def rank_billion(setting: Setting) -> Outcome:
    """The float32 pass alone, once: bounded memory and the time it takes."""
    from benchmarks.ranking_space import ranked, space_of, trained

    surrogate, best = trained()
    _, seconds = timed(lambda: ranked(space_of(10**9, frameworks=9), surrogate, best, single=True))
    return Outcome({"spinscreen": [seconds]})


def _space(size: int, setting: Setting, with_posterior: bool) -> Outcome:
    import torch
    from botorch.acquisition.analytic import LogExpectedImprovement

    from benchmarks.ranking_space import ranked, space_of, trained
    from screening.ranking import space_features

    surrogate, best = trained()
    parts = space_of(size)
    tops: dict[str, list[int]] = {}

    def by_pass(name: str, single: bool) -> None:
        tops[name] = list(ranked(parts, surrogate, best, single).frame["index"])

    def by_posterior() -> None:
        acquisition = LogExpectedImprovement(surrogate.model, best_f=best, maximize=False)
        values, index = [], []
        with torch.no_grad():
            for block in parts[0].blocks(16_384):
                points = torch.as_tensor(space_features(parts[0], block.index, *parts[1:]))
                values += [acquisition(part[:, None]).numpy() for part in points.split(1024)]
                index.append(block.index)
        order = np.argsort(-np.concatenate(values), kind="stable")[:100]
        tops["BoTorch's LogEI on its posterior"] = np.concatenate(index)[order].tolist()

    contenders: dict[str, Callable[[], object]] = {
        "spinscreen": lambda: by_pass("spinscreen", True),
        "the same in float64": lambda: by_pass("the same in float64", False),
    }
    if with_posterior:
        contenders["BoTorch's LogEI on its posterior"] = by_posterior
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(setting.times(3)):
        for name, work in contenders.items():
            samples[name].append(timed(work)[1])
    ours = set(tops.pop("spinscreen"))
    return Outcome(
        samples, notes=[f"{len(ours & set(top))} of our top 100 are in that of {name}" for name, top in tops.items()]
    )


def _forest(pool: Array, x: Array, y: Array) -> NDArray[np.int64]:
    from scipy.stats import norm
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(n_estimators=100, random_state=0).fit(x, y)
    each = np.array([tree.predict(pool) for tree in model.estimators_])
    mean, sd = each.mean(axis=0), np.maximum(each.std(axis=0), 1e-9)
    z = (y.min() - mean) / sd
    return np.argsort(-(sd * (z * norm.cdf(z) + norm.pdf(z))))[:Q]


def _baybe(pool: Array, x: Array, y: Array) -> object:
    """Its default recommender, parameters inferred: checking given ones takes a time quadratic in the candidates."""
    import pandas as pd
    from baybe import Campaign
    from baybe.objectives import SingleTargetObjective
    from baybe.searchspace import SearchSpace, SubspaceDiscrete
    from baybe.targets import NumericalTarget

    names = [f"x{j}" for j in range(pool.shape[1])]
    frame = pd.DataFrame(np.vstack([pool, x]), columns=names)
    campaign = Campaign(
        SearchSpace(discrete=SubspaceDiscrete.from_dataframe(frame)),
        SingleTargetObjective(NumericalTarget("loss", minimize=True)),
        allow_recommending_already_measured=False,
    )
    results = pd.DataFrame(x, columns=names).assign(loss=y)
    campaign.add_measurements(results, numerical_measurements_must_be_within_tolerance=False)
    return campaign.recommend(batch_size=Q)


def _ax(pool: Array, x: Array, y: Array) -> object:
    """Ax has no pool: its model's acquisition is asked for every candidate, and the best four are taken."""
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
    candidates = [ObservationFeatures(dict(zip(names, row.tolist(), strict=True))) for row in pool]
    values = adapter.evaluate_acquisition_function(observation_features=[[one] for one in candidates])
    return np.argsort(-np.array(values))[:Q]
