"""Exact Gaussian processes with a noise level a row, all folds fitted as one batched tensor program.

A fold is a mask over one table: rows held out become independent of everything (their row of the covariance is
that of the identity), so folds of any size share one batch. Hyperparameters are the maximum of the marginal
likelihood times the priors of `kernels`, fold by fold; the gradient of the likelihood with respect to the
covariance is taken in closed form (Rasmussen and Williams 2006, eq. 5.9), the rest by autograd.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from screening.surrogates.adam import Adam, cosine
from screening.surrogates.kernels import (
    KernelSpec,
    covariance,
    diagonal,
    initial_parameters,
    log_prior,
    nugget_variance,
)
from screening.surrogates.sites import Sites, bound_sites
from screening.surrogates.standardise import Scaling

__all__ = ["GaussianProcesses", "fit_gaussian_processes"]

#: Added to every training variance (standardised target): equal rows with zero error stay positive definite.
JITTER = 1e-6
#: Steps and step size of the search; a test holds the gradient small at the end.
STEPS, STEP_SIZE = 70, 0.12
#: Rows above which hyperparameters are sought on a subset; the posterior still conditions on every row.
MAX_SEARCH_ROWS = 400


@dataclass(frozen=True)
class GaussianProcesses:
    """Fitted processes, one a fold, in standardised units.

    Attributes:
        spec: the covariance.
        theta: log hyperparameters, shape (f, p).
        x: standardised training features, shape (f, k, d).
        inverse: inverse of the masked training covariance, shape (f, k, k).
        alpha: inverse times masked targets, shape (f, k).
        targets: masked standardised targets, shape (f, k); of bounds, those of their sites.
        variance: of each target around the latent one, standardised, shape (f, k); of bounds, that of their sites.
        mask: which rows train, shape (f, k).
    """

    spec: KernelSpec
    theta: Tensor
    x: Tensor
    inverse: Tensor
    alpha: Tensor
    targets: Tensor
    variance: Tensor
    mask: Tensor

    def predict(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of the latent target at standardised features.

        Args:
            z: shape (f, m, d).

        Returns:
            Mean (f, m) and variance (f, m) without nugget and measurement noise.
        """
        cross = covariance(self.spec, self.theta, z, self.x) * self.mask[:, None, :]
        mean = (cross @ self.alpha[..., None])[..., 0]
        explained = ((cross @ self.inverse) * cross).sum(-1)
        return mean, (diagonal(self.spec, self.theta, z) - explained).clamp_min(JITTER)

    def nugget(self) -> Tensor:
        """Variance of what the features do not explain, shape (f,)."""
        return nugget_variance(self.theta)

    def sites(self, noise_variance: Tensor, censored: Tensor) -> Sites:
        """What the rows ask of other learners: bounds as this process has come to see them.

        Args:
            noise_variance: of each target, standardised, shape (f, k). censored: which are bounds, shape (k,).
        """
        plain = self.nugget()[:, None] + noise_variance + JITTER
        weights = torch.where(censored, (plain / self.variance).clamp_max(1.0), 1.0)
        return Sites(self.targets, weights, ~censored)

    def leave_groups_out(self, groups: Tensor) -> tuple[Tensor, Tensor]:
        """Predictions of training rows by the process without their group, hyperparameters kept.

        Rasmussen and Williams 2006, section 5.4.2, for blocks: with P the inverse covariance and S a group,
        the mean is y_S - P_SS^-1 (P y)_S and the covariance P_SS^-1.

        Args:
            groups: integer codes, shape (k,).

        Returns:
            Mean and predictive variance (nugget and row noise included), shape (f, k).
        """
        if torch.unique(groups).numel() == groups.numel():
            own = 1.0 / torch.diagonal(self.inverse, dim1=-2, dim2=-1)
            return self.targets - own * self.alpha, own.clamp_min(JITTER)
        mean, variance = torch.empty_like(self.targets), torch.empty_like(self.targets)
        for code in torch.unique(groups):
            rows = torch.nonzero(groups == code)[:, 0]
            block = torch.linalg.inv(self.inverse[:, rows][:, :, rows])
            mean[:, rows] = self.targets[:, rows] - (block @ self.alpha[:, rows, None])[..., 0]
            variance[:, rows] = torch.diagonal(block, dim1=-2, dim2=-1)
        return mean, variance.clamp_min(JITTER)


def fit_gaussian_processes(
    spec: KernelSpec,
    scaling: Scaling,
    x: Tensor,
    y: Tensor,
    noise_variance: Tensor,
    mask: Tensor,
    standardised: Tensor | None = None,
    censored: Tensor | None = None,
    device: str = "cpu",
) -> GaussianProcesses:
    """Fit one process a fold.

    Args:
        spec: the covariance.
        scaling: standardisation of each fold.
        x: raw features, shape (k, d). y: raw targets, shape (k,).
        noise_variance: variance of each target's error in raw units, shape (k,).
        mask: which rows train, shape (f, k).
        standardised: standardised targets of each fold in place of y, shape (f, k).
        censored: rows whose target is only a lower bound, shape (k,). Hyperparameters come from the other rows.
        device: where to search and to condition, "cpu" or a CUDA device; in double precision on either.

    Returns:
        The processes, their tensors on the processor wherever they were fitted.
    """
    asked = (
        scaling.x(x),
        scaling.y(y) if standardised is None else standardised,
        noise_variance / scaling.y_sd**2,
        mask,
        torch.zeros_like(mask[0]) if censored is None else censored,
    )
    z, targets, noise, mask, bounds = (tensor.to(device) for tensor in asked)
    weight, measured = mask.to(z), (mask & ~bounds).to(z)
    keep = _search_rows(x.shape[0]).to(device)
    theta = _search(spec, z[:, keep], (targets * measured)[:, keep], noise[:, keep], measured[:, keep])
    variance = nugget_variance(theta)[:, None] + noise + JITTER
    prior = covariance(spec, theta, z, z)
    if bool(bounds.any()):
        targets, variance = bound_sites(prior, targets, variance, mask, bounds)
    targets = targets * weight
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(_masked(prior, variance, weight)))
    alpha = (inverse @ targets[..., None])[..., 0]
    told = (theta, z, inverse, alpha, targets, variance, mask)
    return GaussianProcesses(spec, *(tensor.cpu() for tensor in told))


def _search_rows(k: int) -> Tensor:
    """Evenly spaced rows, at most MAX_SEARCH_ROWS."""
    return torch.linspace(0, k - 1, min(k, MAX_SEARCH_ROWS)).round().long()


def _masked(prior: Tensor, variance: Tensor, weight: Tensor) -> Tensor:
    """Training covariance of every fold; rows that do not train are independent with variance one."""
    own = variance * weight + (1.0 - weight)
    return prior * weight[:, :, None] * weight[:, None, :] + torch.diag_embed(own)


def _search(spec: KernelSpec, z: Tensor, targets: Tensor, noise: Tensor, weight: Tensor) -> Tensor:
    """Maximum a posteriori hyperparameters by Adam, shape (f, p)."""
    f, _, d = z.shape
    theta = initial_parameters(spec, f, d).to(z).requires_grad_(True)
    adam = Adam(theta, decay=(0.8, 0.95))
    for step in range(STEPS):
        k = _masked(covariance(spec, theta, z, z), nugget_variance(theta)[:, None] + noise + JITTER, weight)
        with torch.no_grad():
            inverse = torch.cholesky_inverse(torch.linalg.cholesky(k))
            alpha = inverse @ targets[..., None]
            slope = 0.5 * (inverse - alpha @ alpha.mT)
        loss = (slope * k).sum() - log_prior(spec, theta, d).sum()
        (gradient,) = torch.autograd.grad(loss, theta)
        adam.step(gradient, cosine(STEP_SIZE, 0.01 * STEP_SIZE, step / STEPS))
    return theta.detach()
