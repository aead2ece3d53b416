"""Covariance functions of the Gaussian process, every fold at once.

All act on standardised features; variances are in units of the standardised target.
Shape letters: f folds, k observations, m candidates, d features, p log hyperparameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["KernelSpec", "covariance", "diagonal", "initial_parameters", "log_prior", "nugget_variance"]

#: Keeps the gradient of a distance finite where two rows are equal.
TINY_SQUARED_DISTANCE = 1e-12
#: Variance of the constant: the mean of standardised targets is known to about one standard deviation.
CONSTANT_VARIANCE = 1.0
#: Positions of the three scalar hyperparameters; the log length scales follow.
SIGNAL, LINEAR, NUGGET, LENGTH = 0, 1, 2, 3
#: Normal priors (mean, sd) on the logs of signal, linear and nugget variance, in units of the target's variance:
#: most of the spread is signal, a tenth is linear trend or unexplained, each within a factor of about e.
SCALAR_PRIOR = ((math.log(0.7), 1.0), (math.log(0.1), 1.0), (math.log(0.1), 1.0))
#: Normal prior on log length scales around log(sqrt d): distances between standardised rows grow as sqrt d
#: (the scaling of Hvarfner et al., arXiv 2402.02229, whose spread sqrt 3 is narrowed for tables this small).
LENGTH_PRIOR_SHIFT, LENGTH_PRIOR_SD = 0.5, 0.7
#: Normal prior on the deviation of each log length scale from their mean: one feature matters about e^0.5 more or
#: less than another. Wider lets fifty rows choose eight scales, and intervals shrink below what they hold.
DEVIATION_PRIOR_SD = 0.5


@dataclass(frozen=True)
class KernelSpec:
    """One candidate covariance: constant + linear + Matern.

    Attributes:
        name: what provenance calls it.
        ard: one length scale a feature instead of one for all.
        rough: Matern 1/2 instead of 5/2, for targets that jump between similar compounds.
        additive: the Matern part is a mean over single features instead of one over all features together.
        forest: Laplace kernel of the L1 distance instead of a Matern, the limit of a Mondrian forest (Balog et al.,
            UAI 2016, arXiv 1606.05241).
    """

    name: str
    ard: bool = False
    rough: bool = False
    additive: bool = False
    forest: bool = False

    def n_lengths(self, d: int) -> int:
        """How many length scales d features have."""
        return d if self.ard else 1


def initial_parameters(spec: KernelSpec, f: int, d: int) -> Tensor:
    """Prior means of the log hyperparameters, shape (f, p)."""
    lengths = [_length_mean(spec, d)] * spec.n_lengths(d)
    start = torch.tensor([mean for mean, _ in SCALAR_PRIOR] + lengths, dtype=torch.float64)
    return start.expand(f, -1).clone()


def log_prior(spec: KernelSpec, theta: Tensor, d: int) -> Tensor:
    """Log density of the hyperparameters up to a constant, shape (f,)."""
    mean = torch.tensor([m for m, _ in SCALAR_PRIOR]).to(theta)
    sd = torch.tensor([s for _, s in SCALAR_PRIOR]).to(theta)
    scalars = (((theta[..., :LENGTH] - mean) / sd) ** 2).sum(-1)
    lengths = theta[..., LENGTH:]
    common = lengths.mean(-1, keepdim=True)
    shared = ((common[..., 0] - _length_mean(spec, d)) / LENGTH_PRIOR_SD) ** 2
    return -0.5 * (scalars + shared + (((lengths - common) / DEVIATION_PRIOR_SD) ** 2).sum(-1))


def nugget_variance(theta: Tensor) -> Tensor:
    """Variance of what the features do not explain, shape (f,)."""
    return theta[..., NUGGET].exp()


def covariance(spec: KernelSpec, theta: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Covariance without the nugget, shape (..., m, k).

    Args:
        theta: log hyperparameters, shape (f, p), or (p,) with no fold axis.
        a: shape (..., m, d). b: shape (..., k, d).
    """
    scalars = theta[..., :LENGTH].exp()[..., None, None]
    linear = a @ b.mT / a.shape[-1]
    return (
        CONSTANT_VARIANCE
        + scalars[..., LINEAR, :, :] * linear
        + scalars[..., SIGNAL, :, :] * _stationary(spec, theta[..., LENGTH:].exp(), a, b)
    )


def diagonal(spec: KernelSpec, theta: Tensor, a: Tensor) -> Tensor:
    """Diagonal of `covariance(a, a)`, shape (..., m)."""
    del spec
    scalars = theta[..., :LENGTH].exp()[..., None]
    return CONSTANT_VARIANCE + scalars[..., LINEAR, :] * (a**2).mean(-1) + scalars[..., SIGNAL, :]


def _length_mean(spec: KernelSpec, d: int) -> float:
    effective = 1 if spec.additive else d
    return LENGTH_PRIOR_SHIFT + 0.5 * math.log(effective)


def _stationary(spec: KernelSpec, lengths: Tensor, a: Tensor, b: Tensor) -> Tensor:
    scale = lengths[..., None, :]
    if spec.forest:
        return torch.exp(-_city_distance(a / scale, b / scale))
    if spec.additive:
        apart = (a / scale)[..., :, None, :] - (b / scale)[..., None, :, :]
        return _matern(spec, apart**2).mean(-1)
    return _matern(spec, _squared_distance(a / scale, b / scale))


def _squared_distance(a: Tensor, b: Tensor) -> Tensor:
    return (a**2).sum(-1)[..., :, None] + (b**2).sum(-1)[..., None, :] - 2.0 * a @ b.mT


def _city_distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference over features times sqrt d: of the size of the Euclidean distance."""
    apart = (a[..., :, None, :] - b[..., None, :, :]).abs().sum(-1)
    return apart / math.sqrt(a.shape[-1])


def _matern(spec: KernelSpec, squared: Tensor) -> Tensor:
    if spec.rough:
        return torch.exp(-squared.clamp_min(TINY_SQUARED_DISTANCE).sqrt())
    r = (5.0 * squared.clamp_min(TINY_SQUARED_DISTANCE)).sqrt()
    return (1.0 + r + r * r / 3.0) * torch.exp(-r)
