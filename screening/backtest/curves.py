"""What a replayed campaign achieved, as curves over the number of experiments.

Shapes: r replays (seeds), t experiments.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["acceleration", "best_so_far", "enhancement", "experiments_needed", "mean_regret", "top_found"]

Array = NDArray[np.float64]


def best_so_far(loss: Array, rows: NDArray[np.int64]) -> Array:
    """Lowest loss found after each experiment, shape like `rows` (r, t)."""
    result: Array = np.minimum.accumulate(loss[rows], axis=-1)
    return result


def top_found(loss: Array, rows: NDArray[np.int64], k: int) -> Array:
    """Share of the k best rows of the table found after each experiment, shape like `rows`."""
    # rows that tie with the k-th best count as well, but never beyond a share of 1
    hits = np.cumsum(loss[rows] <= np.sort(loss)[min(k, len(loss)) - 1], axis=-1)
    return np.minimum(hits / min(k, len(loss)), 1.0)


def mean_regret(loss: Array, rows: NDArray[np.int64], n_start: int) -> Array:
    """Mean of the normalised simple regret from the last random row on, one value a replay, shape (r,).

    Normalised: 0 is the best row of the table, 1 its median row.
    """
    span = float(np.median(loss) - loss.min())
    regret = (best_so_far(loss, rows) - loss.min()) / (span if span > 0.0 else 1.0)
    result: Array = regret[:, n_start - 1 :].mean(axis=1)
    return result


def experiments_needed(curve: Array, goal: float) -> Array:
    """Experiments until a rising curve (r, t) reaches `goal`, per replay; infinite where it never does."""
    reached = curve >= goal - 1e-12
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)


def acceleration(curve: Array, random: Array, goal: float) -> float:
    """Acceleration factor: experiments that chance needs for a goal over those that the strategy needs (medians).

    `curve` and `random` are rising curves, shape (r, t).

    NaN where the strategy's median replay does not reach the goal; infinite where only chance does not.

    Source: Rohr et al., Chem. Sci. 11, 2696 (2020), doi 10.1039/c9sc05999g.
    """
    ours, theirs = float(np.median(experiments_needed(curve, goal))), float(np.median(experiments_needed(random, goal)))
    return theirs / ours if np.isfinite(ours) else float("nan")


def enhancement(curve: Array, random: Array) -> Array:
    """Enhancement factor after each experiment, shape (t,): mean of the strategy's curve over that of chance.

    NaN while chance has found nothing. Source: as `acceleration`.
    """
    ours, theirs = curve.mean(axis=0), random.mean(axis=0)
    factor: Array = np.divide(ours, theirs, out=np.full_like(ours, np.nan), where=theirs > 0.0)
    return factor
