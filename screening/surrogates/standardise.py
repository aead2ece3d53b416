"""Zero mean and unit spread inside each fold, from that fold's training rows only."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Scaling", "drop_correlated", "fit_scaling"]

#: Spread under which a column counts as constant, relative to its size: rounding leaves about 1e-16.
CONSTANT_COLUMN = 1e-10


@dataclass(frozen=True)
class Scaling:
    """Location and scale of features and targets, a row a fold.

    Attributes:
        x_mean, x_sd: shape (f, 1, d).
        y_mean, y_sd: shape (f, 1).
    """

    x_mean: Tensor
    x_sd: Tensor
    y_mean: Tensor
    y_sd: Tensor

    def x(self, x: Tensor) -> Tensor:
        """Standardise features, shape (..., m, d) broadcast against (f, 1, d); NaN becomes 0, the fold's mean."""
        return ((x - self.x_mean) / self.x_sd).nan_to_num(0.0)

    def y(self, y: Tensor) -> Tensor:
        """Standardise targets, shape (..., m) broadcast against (f, 1)."""
        return (y - self.y_mean) / self.y_sd

    def fold(self, i: int) -> Scaling:
        """The scaling of one fold, still with a leading fold axis of one."""
        return Scaling(self.x_mean[i : i + 1], self.x_sd[i : i + 1], self.y_mean[i : i + 1], self.y_sd[i : i + 1])


def fit_scaling(x: Tensor, y: Tensor, mask: Tensor) -> Scaling:
    """Scaling of each fold from its training rows.

    Args:
        x: features, shape (k, d). y: targets, shape (k,).
        mask: true where a row trains and is a measurement, shape (f, k): a bound that says nothing moves nothing.

    Features that are NaN take no part in mean and spread.

    Returns:
        Scaling. A constant column, and targets that are all equal, get scale 1.
    """
    weight = mask.to(x) / mask.sum(-1, keepdim=True).clamp_min(1)
    known = (~x.isnan()).to(x)
    share = (weight @ known)[:, None, :].clamp_min(torch.finfo(x.dtype).tiny)
    x_mean = (weight @ x.nan_to_num(0.0))[:, None, :] / share
    apart = (known * (x.nan_to_num(0.0) - x_mean)) ** 2
    x_sd = ((weight[..., None] * apart).sum(-2, keepdim=True) / share).sqrt()
    y_mean = (weight @ y)[:, None]
    y_sd = (weight * (y - y_mean) ** 2).sum(-1, keepdim=True).sqrt()
    return Scaling(x_mean, _no_zero(x_sd, x_mean), y_mean, _no_zero(y_sd, y_mean))


def drop_correlated(scaling: Scaling, x: Tensor, mask: Tensor, most: float) -> Scaling:
    """The scaling with features switched off that repeat an earlier one in the fold's training rows.

    The reference paper's choice (|r| > 0.9; doi 10.1039/d5sc07406a), made inside each fold: a dropped feature gets an
    infinite spread, so that its standardised values are zero in every row.

    Args:
        scaling: of each fold. x: features, shape (k, d). mask: which rows train, shape (f, k).
        most: largest absolute Pearson correlation of two features that both stay.
    """
    z = scaling.x(x) * mask[..., None]
    correlation = (z.mT @ z / mask.sum(-1)[:, None, None]).abs()
    dropped = torch.zeros(len(mask), x.shape[1], dtype=torch.bool)
    for feature in range(1, x.shape[1]):
        repeats = (correlation[:, feature, :feature] > most) & ~dropped[:, :feature]
        dropped[:, feature] = repeats.any(-1)
    x_sd = scaling.x_sd.masked_fill(dropped[:, None], torch.inf)
    return Scaling(scaling.x_mean, x_sd, scaling.y_mean, scaling.y_sd)


def _no_zero(sd: Tensor, mean: Tensor) -> Tensor:
    return torch.where(sd > CONSTANT_COLUMN * (1.0 + mean.abs()), sd, torch.ones_like(sd))
