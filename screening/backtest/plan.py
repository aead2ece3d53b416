"""Plan a campaign: how many experiments until a goal is met, on functions drawn from what is known so far.

Shapes: k observations, m candidates, d descriptors, s draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chemspace.progress import Progress
from screening.errors import BacktestError
from screening.pool import suggest_from_pool
from screening.pool.checks import check_pool
from screening.pool.committee import fit_committee
from screening.pool.scaling import fit_input_scale, standardise_target
from screening.seeds import check_seed

__all__ = ["CampaignPlan", "plan_campaign"]

Array = NDArray[np.float64]
#: Candidates a function is drawn over; larger pools are thinned, the draw costs the cube of this.
_LARGEST_DRAW = 1000


@dataclass(frozen=True)
class CampaignPlan:
    """Experiments needed until the goal in each simulated campaign, shape (s,); infinite where the budget ran out.

    `possible` says in how many of the drawn worlds any candidate at all meets the goal.
    """

    needed: Array
    goal: float
    budget: int
    possible: float

    def experiments_for(self, probability: float) -> float:
        """Experiments after which the goal is met with a probability; infinite if the budget does not reach it.

        Raises:
            BacktestError: for a probability outside (0, 1].
        """
        if not 0.0 < probability <= 1.0:
            raise BacktestError(f"probability {probability}: give a number between 0 and 1")
        return float(np.sort(self.needed)[int(np.ceil(probability * len(self.needed))) - 1])

    def probability_within(self, experiments: int) -> float:
        """Probability that the goal is met within so many experiments."""
        return float(np.mean(self.needed <= experiments))


def plan_campaign(
    pool: Array,
    observed_x: Array,
    observed_y: Array,
    goal: float,
    *,
    batch_size: int = 4,
    budget: int = 40,
    minimize: bool = True,
    draws: int = 20,
    seed: int = 42,
    progress: Progress | None = None,
) -> CampaignPlan:
    """Simulate future campaigns on functions drawn from the surrogate fitted to what has been observed.

    Each draw is one possible world: a function over the candidates from the posterior, with the learnt noise on each
    simulated measurement. The plan is as good as the surrogate: where that knows little, worlds differ widely.

    Args:
        pool: candidates, shape (m, d). observed_x: (k, d), k >= 2. observed_y: (k,).
        goal: the true value that a measured candidate must reach.
        batch_size, budget: of the simulated campaign; the budget counts new experiments only.
        minimize: whether small is good. draws: worlds simulated. seed: of all random numbers.

    Raises:
        BacktestError: for fewer than two observations or numbers that make no campaign. PoolError: as for the pool.
    """
    if len(observed_y) < 2 or draws < 1 or budget < 1:
        raise BacktestError(f"{len(observed_y)} observations, {draws} draws, budget {budget}: 2, 1 and 1 at least")
    seed = check_seed(seed, BacktestError)
    problem = check_pool(pool, observed_x, observed_y, batch_size, minimize, None, None)
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(problem.free)
    rows = np.sort(rng.choice(rows, min(len(rows), _LARGEST_DRAW), replace=False))
    scale = fit_input_scale(problem.pool, problem.x)
    y, noise = standardise_target(problem.y, problem.noise)
    committee = fit_committee(scale(problem.x), y, noise)
    target = (goal if minimize else -goal, float(problem.y.mean()), float(problem.y.std(ddof=1)) or 1.0)
    needed, possible = np.full(draws, np.inf), 0
    for draw in range(draws):
        member = committee.members[int(rng.integers(len(committee.members)))]
        mean, covariance, _ = member.joint(scale(problem.x), scale(problem.pool[rows]))
        values, vectors = np.linalg.eigh(covariance)
        world = mean + vectors @ (np.sqrt(np.maximum(values, 0.0)) * rng.standard_normal(len(mean)))
        truth = target[1] + target[2] * world
        possible += int((truth <= target[0]).any())
        spread = target[2] * np.sqrt(member.noise)
        needed[draw] = _campaign(
            problem.pool[rows], truth, spread, (problem.x, problem.y), target[0], batch_size, budget, rng
        )
        if progress is not None:
            progress(draw + 1, draws, "worlds simulated")
    return CampaignPlan(needed, goal, budget, possible / draws)


def _campaign(
    pool: Array,
    truth: Array,
    noise: float,
    known: tuple[Array, Array],
    goal: float,
    q: int,
    budget: int,
    rng: np.random.Generator,
) -> float:
    """New experiments until a candidate whose true value meets the goal is measured; infinite beyond the budget."""
    x, y = known
    left = np.arange(len(pool))
    done = 0
    while done < budget and left.size:
        size = min(q, budget - done, len(left))
        picks = left[suggest_from_pool(pool[left], x, y, size, seed=int(rng.integers(2**31)))]
        met = np.flatnonzero(truth[picks] <= goal)
        if met.size:
            return float(done + met[0] + 1)
        x = np.vstack([x, pool[picks]])
        y = np.append(y, truth[picks] + noise * rng.standard_normal(len(picks)))
        left = np.setdiff1d(left, picks)
        done += size
    return float("inf")
