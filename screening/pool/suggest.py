"""The next experiments from a table of candidates: plain arrays in, row numbers out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from screening.errors import PoolError
from screening.pool.checks import PoolProblem, check_pool
from screening.pool.committee import fit_committee
from screening.pool.scaling import InputScale, fit_input_scale, standardise_target
from screening.pool.select import choose_from_pool, shortlist
from screening.seeds import check_seed

__all__ = ["suggest_from_pool"]


def suggest_from_pool(
    pool: ArrayLike,
    observed_x: ArrayLike,
    observed_y: ArrayLike,
    batch_size: int = 1,
    seed: int = 42,
    minimize: bool = True,
    pending: ArrayLike | None = None,
    noise: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Rows of a pool of candidates to measure next.

    Stateless: equal arguments give equal rows, no global random state is read or changed. Candidates equal to an
    observed or pending point are never suggested.

    Args:
        pool: descriptors of the candidates, shape (m, d).
        observed_x: descriptors of what has been measured, shape (k, d); need not lie in the pool; may be empty, then
            the rows returned spread over the pool.
        observed_y: results, shape (k,); replicates are separate rows.
        batch_size: rows to return, chosen together.
        seed: of ties and quasi-random samples.
        minimize: whether small results are good.
        pending: what is being measured now: row numbers of the pool, shape (p,), or descriptors, shape (p, d).
        noise: known standard deviation of each result, shape (k,), or one for all; noise beyond it is learnt.

    Returns:
        Row numbers, shape (batch_size,), in the order they were chosen.

    Raises:
        PoolError: for arrays that do not fit, NaN, a batch larger than what is left, pending rows outside the pool, a
            seed that is no whole number of 0 or more.
        NothingLeftError: if the pool is empty or all of it is measured or pending.
    """
    seed = check_seed(seed, PoolError)
    problem = check_pool(pool, observed_x, observed_y, batch_size, minimize, pending, noise)
    scale = fit_input_scale(problem.pool, np.vstack([problem.x, problem.pending]))
    if not len(scale.kept):
        return np.random.default_rng(seed).permutation(np.flatnonzero(problem.free))[:batch_size]
    if not len(problem.y):
        return _spread(problem, scale, batch_size, seed)
    y, noise_variance = standardise_target(problem.y, problem.noise)
    # Many small matrices: a second BLAS thread makes 10^6 candidates cost six times the CPU seconds.
    with threadpool_limits(1):
        committee = fit_committee(scale(problem.x), y, noise_variance)
        rows = shortlist(committee, scale, problem.pool, problem.free, seed)
        return choose_from_pool(committee, scale(problem.pool[rows]), scale(problem.pending), rows, batch_size, seed)


def _spread(problem: PoolProblem, scale: InputScale, q: int, seed: int) -> NDArray[np.int64]:
    """Before the first result: a random candidate, then each time the one farthest from all taken (maximin).

    Source: Kennard and Stone, Technometrics 11, 137 (1969), doi 10.1080/00401706.1969.10490666.
    """
    rows = np.flatnonzero(problem.free)
    x = scale(problem.pool[rows])
    chosen: list[int] = []
    distance = np.full(len(rows), np.inf)
    for point in scale(problem.pending):
        distance = np.minimum(distance, ((x - point) ** 2).sum(axis=1))
    while len(chosen) < q:
        first = not chosen and not len(problem.pending)
        pick = int(np.random.default_rng(seed).integers(len(rows))) if first else int(np.argmax(distance))
        chosen.append(pick)
        distance = np.minimum(distance, ((x - x[pick]) ** 2).sum(axis=1))
        distance[chosen] = -1.0
    return rows[chosen]
