"""One suggestion of four from a table of candidates, by size of the table; and a whole space ranked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.limited import Limits, run_limited
from benchmarks.ranking_pool import CONTENDERS, problem
from benchmarks.registry import Outcome, Setting, Unfinished, case
from benchmarks.timing import timed

#: Enough for medians where a run is short; a contender that is slow has fewer (`Limits.enough_s`).
REPEATS = 5
#: A screen before the batch optimiser is of use where that is slow; the smallest such table.
SCREENED_FROM = 10**4


def _pool(size: int, setting: Setting) -> Outcome:
    limits, outcome, peaks = Limits(), Outcome(), []
    for name, work in CONTENDERS.items():
        if name.endswith("after a screen") and size < SCREENED_FROM:
            continue
        run = run_limited(work, problem, 10**3, size, setting.times(REPEATS), limits)
        if run.missing:
            outcome.absent[name] = f"{run.missing}; make bench-env installs it"
        elif run.samples:
            outcome.samples[name] = run.samples
            peaks.append(f"{name} {run.peak_gb:.2f}")
        else:
            outcome.unfinished[name] = Unfinished(run.ended, run.at_least)
    outcome.notes += [
        "fitting included; 60 observations, 10 descriptors, batch of 4",
        f"each contender in a process of its own, with at most {limits.cpu_s} CPU s a suggestion and "
        f"{limits.memory_gb:g} GB, and not run again once its runs took {limits.enough_s:g} CPU s together",
        f"peak memory in GB: {', '.join(peaks)}",
    ]
    return outcome


@case("suggest-1e3", "A suggestion of 4 from 1,000 candidates", "CPU s", "one suggestion")
def suggest_thousand(setting: Setting) -> Outcome:
    """Everybody."""
    return _pool(10**3, setting)


@case("suggest-1e4", "A suggestion of 4 from 10,000 candidates", "CPU s", "one suggestion")
def suggest_ten_thousand(setting: Setting) -> Outcome:
    """Everybody, and the ways that screen the table first."""
    return _pool(10**4, setting)


@case("suggest-1e5", "A suggestion of 4 from 100,000 candidates", "CPU s", "one suggestion")
def suggest_hundred_thousand(setting: Setting) -> Outcome:
    """Everybody, within the limits."""
    return _pool(10**5, setting)


@case("suggest-1e6", "A suggestion of 4 from 1,000,000 candidates", "CPU s", "one suggestion")
def suggest_million(setting: Setting) -> Outcome:
    """Everybody, within the limits."""
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
