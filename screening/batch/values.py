"""What each candidate is worth as the next member of a batch, by acquisition; each knows what is pending.

Shapes: m candidates, p points pending or chosen already, d features.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening.acquisition.analytic import log_expected_improvement, log_probability_of_improvement
from screening.acquisition.joint import build_acquisition, drawn_values, values_with
from screening.acquisition.named import ACQUISITIONS, BATCH_ACQUISITIONS
from screening.batch.gain import gaussian_moments, log_gain, variance_after
from screening.errors import BatchError

__all__ = ["next_values"]

Array = NDArray[np.float64]
_IMPROVEMENT = {"log_ei": log_expected_improvement, "log_pi": log_probability_of_improvement}
#: Points of the shortlist that the variance is integrated over, and candidates at once: a batch of 5 from 1,000 takes
#: 36 CPU s and 1.5 GB with 128 points and 512 candidates.
_SPACE_POINTS, _AT_ONCE = 48, 128
#: A reduction of the integrated variance below this share of it counts as none.
_LEAST_REDUCTION = 1.0e-12


def next_values(
    name: str,
    model: Any,
    x: Array,
    points: Array,
    best: float,
    seed: int,
    observed: Array | None = None,
    space: Array | None = None,
) -> Array:
    """Value of each candidate given what is pending or chosen already, shape (m,); to be maximised.

    - "log_ei", "log_pi": on the best of what is measured, pending and chosen; the values of what is not measured yet
      are sampled.
    - "lcb", "greedy", "max_variance": with the variance that is left once everything pending is measured.
    - "qlog_nei": BoTorch's, with the points as its pending ones. "qnipv": logarithm of how much the variance over the
      candidates falls, by BoTorch's qNegIntegratedPosteriorVariance.
    - "thompson": minus one function drawn from the posterior; the seed has to differ from pick to pick.

    Args:
        name: one of `screening.acquisition.BATCH_ACQUISITIONS`.
        model: a BoTorch model of a target to be minimised.
        x: candidates, shape (m, d). points: pending or chosen, shape (p, d).
        best: lowest observed target.
        seed: of the samples.
        observed: features of what is measured, shape (k, d), for "qlog_nei".
        space: what "qnipv" integrates the variance over, evenly thinned, shape (s, d); the candidates where None.

    Raises:
        BatchError: for an unknown name, or "qlog_nei" without `observed`.
    """
    if name == "thompson":
        return drawn_values(model, x, seed)
    if name == "qlog_nei":
        if observed is None or not len(observed):
            raise BatchError("qlog_nei compares with what is measured: give `observed`, features of the measurements")
        return values_with(build_acquisition(name, model, observed, best, pending=points, seed=seed), x)
    if name == "qnipv":
        return _log_reduction(model, x, points, seed, x if space is None else space)
    if name not in ACQUISITIONS:
        raise BatchError(f"no batch is chosen by {name!r}; known: {', '.join(BATCH_ACQUISITIONS)}")
    mean, variance, centre, covariance, cross = gaussian_moments(model, x, points)
    if name in _IMPROVEMENT:
        return log_gain(mean, variance, best, (centre, covariance, cross), seed, _IMPROVEMENT[name])
    after = variance_after(variance, covariance, cross, _noise(model))
    return ACQUISITIONS[name](mean, np.sqrt(after), best)


def _noise(model: Any) -> float:
    """Variance of a measurement around the latent target, as far as the model tells it."""
    unexplained = getattr(model, "unexplained_variance", None)
    return 0.0 if unexplained is None else float(unexplained())


def _log_reduction(model: Any, x: Array, points: Array, seed: int, space: Array) -> Array:
    every = space[np.linspace(0, len(space) - 1, min(len(space), _SPACE_POINTS)).astype(np.int64)]
    acquisition = build_acquisition("qnipv", model, x[:0], 0.0, x_space=every, pending=points, seed=seed)
    left = -values_with(acquisition, x, _AT_ONCE)
    _, variance, _, covariance, cross = gaussian_moments(model, every, points)
    now = max(float(variance_after(variance, covariance, cross, _noise(model)).mean()), float(left.max()))
    value: Array = np.log(np.maximum(now - left, _LEAST_REDUCTION * now))
    return value
