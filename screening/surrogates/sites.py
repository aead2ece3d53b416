"""What each row of each fold asks of a learner: a target and how much it weighs.

A lifetime that is only an upper bound has no target of its own. Expectation propagation turns it into one: the normal
density that, put in its place, gives the process the moments that the bound gives it (Minka, UAI 2001,
arXiv 1301.2294; the closed form of a normal times a step with an error is that of Rasmussen and Williams 2006,
section 3.6). A bound that says nothing new gets a weight of zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from screening.surrogates.standardise import Scaling

__all__ = ["Sites", "bound_sites", "plain_sites"]

#: Sweeps of expectation propagation and share of each update that is taken; sites move by less than 1e-6 after it.
SWEEPS, DAMPING = 40, 0.7
#: Least precision of a site that counts (standardised target).
LEAST_PRECISION = 1e-9


@dataclass(frozen=True)
class Sites:
    """Targets of every fold, standardised.

    Attributes:
        targets: shape (f, k); of a bound, the mean of its site.
        weights: between 0 and 1, shape (f, k): of a bound, how precise its site is beside a measurement.
        known: rows that are measurements, not bounds, shape (k,).
    """

    targets: Tensor
    weights: Tensor
    known: Tensor


def plain_sites(scaling: Scaling, y: Tensor) -> Sites:
    """Sites of measurements: targets y (k,) as they are, all of weight one."""
    targets = scaling.y(y)
    return Sites(targets, torch.ones_like(targets), torch.ones_like(y, dtype=torch.bool))


def bound_sites(
    prior: Tensor, targets: Tensor, variance: Tensor, mask: Tensor, censored: Tensor
) -> tuple[Tensor, Tensor]:
    """Targets and variances in which bounds are replaced by their sites.

    Args:
        prior: covariance of the latent target, shape (f, k, k).
        targets: measured values, and the bounds above which the others lie, shape (f, k).
        variance: of each target around the latent one, shape (f, k).
        mask: rows that train, shape (f, k). censored: which are bounds, shape (k,).

    Returns:
        Targets (f, k) and variances (f, k); a bound that says nothing has a variance of 1 / `LEAST_PRECISION`.
    """
    measured = torch.where(mask & ~censored, 1.0 / variance, 0.0)
    at = torch.nonzero(censored)[:, 0]
    bound, error, rows = targets[:, at], variance[:, at], mask[:, at]
    precision, shift = torch.zeros_like(bound), torch.zeros_like(bound)
    for _ in range(SWEEPS):
        total, pull = measured.clone(), measured * targets
        total[:, at], pull[:, at] = precision, shift
        mean, spread = _posterior(prior, total, pull, at)
        cavity = (1.0 / spread - precision).clamp_min(LEAST_PRECISION)
        centre, width = (mean / spread - shift) / cavity, 1.0 / cavity
        new_mean, new_spread = _above(centre, width, bound, error)
        new_precision = torch.where(rows, (1.0 / new_spread - cavity).clamp_min(0.0), 0.0)
        new_shift = torch.where(new_precision > 0.0, new_mean / new_spread - centre * cavity, 0.0)
        precision = torch.lerp(precision, new_precision, DAMPING)
        shift = torch.lerp(shift, new_shift, DAMPING)
    informs = precision > LEAST_PRECISION
    out_targets, out_variance = targets.clone(), variance.clone()
    out_targets[:, at] = torch.where(informs, shift / precision.clamp_min(LEAST_PRECISION), 0.0)
    out_variance[:, at] = torch.where(informs, 1.0 / precision.clamp_min(LEAST_PRECISION), 1.0 / LEAST_PRECISION)
    return out_targets, out_variance


def _posterior(prior: Tensor, precision: Tensor, pull: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of the latent target at rows `at`; Rasmussen and Williams 2006, eq. 3.53 and 3.68."""
    root = precision.sqrt()
    scaled = prior * root[:, :, None] * root[:, None, :]
    factor = torch.linalg.cholesky(scaled + torch.eye(prior.shape[-1]).to(prior))
    half = torch.linalg.solve_triangular(factor, root[:, :, None] * prior, upper=False)
    covariance = prior - half.mT @ half
    mean = (covariance @ pull[..., None])[..., 0]
    return mean[:, at], torch.diagonal(covariance, dim1=-2, dim2=-1)[:, at].clamp_min(LEAST_PRECISION)


def _above(mean: Tensor, variance: Tensor, bound: Tensor, error: Tensor) -> tuple[Tensor, Tensor]:
    """Moments of a normal latent target, given that it plus an error of variance `error` lies above the bound."""
    total = (variance + error).sqrt()
    z = (mean - bound) / total
    hazard = torch.exp(-0.5 * z**2 - 0.5 * math.log(2.0 * math.pi) - torch.special.log_ndtr(z))
    new_mean = mean + variance * hazard / total
    new_variance = variance - variance**2 * hazard * (z + hazard) / total**2
    return new_mean, new_variance.clamp_min(LEAST_PRECISION)
