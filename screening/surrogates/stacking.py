"""Weights of a mixture of surrogates, from predictions of rows whose group none of them had seen."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["gaussian_log_density", "stacking_weights"]

#: Each family of candidates starts with the credit of this many rows, shared by its members: weights estimated from
#: fifty rows are noisier than equal ones are wrong (Smith and Wallis 2009, doi 10.1111/j.1468-0084.2008.00541.x).
#: Hundreds of rows overrule it.
PRIOR_ROWS = 20.0
#: Steps of expectation maximisation; the weights move by less than 1e-3 after about fifty.
STEPS = 60


def gaussian_log_density(value: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Log density of a normal distribution, shapes broadcast."""
    return -0.5 * ((value - mean) ** 2 / variance + variance.log() + math.log(2.0 * math.pi))


def stacking_weights(log_density: Tensor, mask: Tensor, families: Sequence[int] | None = None) -> Tensor:
    """Weights that maximise the mixture's log density over rows, plus a Dirichlet prior.

    Stacking of predictive distributions (Yao et al., Bayesian Anal. 13, 917 (2018), doi 10.1214/17-BA1091),
    solved by expectation maximisation.

    Args:
        log_density: of each training row under each of c candidates fitted without it, shape (c, f, k).
        mask: rows that count, shape (f, k).
        families: number of each candidate's family, length c; three processes are no three opinions. Absent, each
            candidate is one of its own.

    Returns:
        Weights that sum to one over candidates, shape (c, f).
    """
    own = list(range(len(log_density))) if families is None else list(families)
    credit = log_density.new_tensor([PRIOR_ROWS / own.count(family) for family in own])[:, None]
    density = log_density.masked_fill(~mask, 0.0)
    weights = (credit / credit.sum()).expand(density.shape[:2])
    for _ in range(STEPS):
        share = torch.softmax(density + weights.log()[..., None], 0) * mask
        weights = (share.sum(-1) + credit) / (mask.sum(-1) + credit.sum())
    return weights
