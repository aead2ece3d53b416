"""The batched Gaussian processes against closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from screening.surrogates.gaussian_process import KernelSpec, covariance, fit_gaussian_processes, log_prior
from screening.surrogates.observations import fit_scaling
from tests.screening.rows import folds_of, smooth_rows

ROWS = smooth_rows(k=16)
X, Y, NOISE = torch.from_numpy(ROWS.x), torch.from_numpy(ROWS.y), torch.from_numpy(ROWS.noise**2)
SPEC = KernelSpec("test", ard=True)


def _fit(  # type: ignore[no-untyped-def]  # a shorthand
    mask: torch.Tensor, x: torch.Tensor = X, y: torch.Tensor = Y, noise: torch.Tensor = NOISE, spec: KernelSpec = SPEC
):
    return fit_gaussian_processes(spec, folds_of(mask, x, y, noise))


def test_a_masked_fold_is_the_fit_without_its_rows() -> None:
    mask = torch.ones(2, 16, dtype=torch.bool)
    mask[1, [3, 7, 8]] = False
    both = _fit(mask)
    keep = mask[1]
    alone = _fit(torch.ones(1, 13, dtype=torch.bool), X[keep], Y[keep], NOISE[keep])
    assert torch.allclose(both.theta[1], alone.theta[0], atol=1e-6)
    scaling = fit_scaling(X, Y, mask)
    mean, variance = both.predict(scaling.x(X))
    own, own_variance = alone.predict(scaling.fold(1).x(X))
    assert torch.allclose(mean[1], own[0], atol=1e-6)
    assert torch.allclose(variance[1], own_variance[0], atol=1e-6)


@pytest.mark.parametrize(("bfgs", "most"), [(False, 0.05), (True, 1e-5)])
def test_the_search_ends_where_the_posterior_of_hyperparameters_is_flat(bfgs: bool, most: float) -> None:
    mask = torch.ones(1, 16, dtype=torch.bool)
    fitted = _fit(mask, spec=replace(SPEC, bfgs=bfgs))
    theta = fitted.theta.clone().requires_grad_(True)
    scaling = fit_scaling(X, Y, mask)
    own = theta[:, 2].exp() + NOISE / scaling.y_sd**2 + 1e-6
    k = covariance(SPEC, theta, scaling.x(X), scaling.x(X)) + torch.diag_embed(own)
    target = scaling.y(Y)
    density = -0.5 * (target @ torch.linalg.solve(k, target[..., None])[0, :, 0] + torch.logdet(k))
    (slope,) = torch.autograd.grad((density + log_prior(SPEC, theta, 3)).sum(), theta)
    assert float(slope.abs().max()) < most


def test_leaving_a_group_out_is_refitting_without_it() -> None:
    mask = torch.ones(1, 16, dtype=torch.bool)
    fitted = _fit(mask)
    groups = torch.from_numpy(np.arange(16) // 2)
    mean, variance = fitted.leave_groups_out(groups)
    scaling = fit_scaling(X, Y, mask)
    z, target, noise = scaling.x(X)[0], scaling.y(Y)[0], NOISE / scaling.y_sd[0] ** 2
    own = fitted.nugget()[0] + noise + 1e-6
    k = covariance(SPEC, fitted.theta[0], z, z) + torch.diag(own)
    out, rest = [4, 5], [i for i in range(16) if i not in (4, 5)]
    gain = k[out][:, rest] @ torch.linalg.inv(k[rest][:, rest])
    assert torch.allclose(mean[0, out], gain @ target[rest], atol=1e-8)
    assert torch.allclose(variance[0, out], torch.diag(k[out][:, out] - gain @ k[rest][:, out]), atol=1e-8)
