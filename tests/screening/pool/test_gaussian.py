"""The NumPy Gaussian process: the same posterior as GPyTorch, exact gradient, exact leave-one-out densities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from botorch.models import SingleTaskGP
from botorch.models.utils.gpytorch_modules import get_covar_module_with_dim_scaled_prior
from gpytorch.kernels import LinearKernel
from numpy.typing import NDArray
from scipy.optimize import check_grad

from screening import committee as committees
from screening.committee import KERNELS, _negative_log_posterior, fit_gaussian_process

Array = NDArray[np.float64]


def _data(k: int = 25, d: int = 3) -> tuple[Array, Array]:
    x = np.random.default_rng(0).random((k, d))
    y = np.sin(4 * x[:, 0]) + x[:, 1] + 0.05 * np.random.default_rng(1).normal(size=k)
    return x, (y - y.mean()) / y.std()


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_posterior_is_that_of_botorch_for_equal_hyperparameters(kernel: str) -> None:
    x, y = _data()
    ours = fit_gaussian_process(kernel, x, y, np.zeros(25))
    stationary = get_covar_module_with_dim_scaled_prior(ard_num_dims=3, use_rbf_kernel=kernel == "rbf")
    stationary.lengthscale = torch.as_tensor(ours.length)
    linear = LinearKernel()
    linear.variance = ours.linear * 12.0 / 3.0
    theirs = SingleTaskGP(
        torch.as_tensor(x - 0.5),
        torch.as_tensor(y)[:, None],
        covar_module=stationary + linear,
        outcome_transform=None,
    )
    theirs.likelihood.noise = ours.noise + 1e-6
    theirs.mean_module.constant = ours.mean
    grid = np.random.default_rng(2).random((7, 3))
    posterior = theirs.eval().posterior(torch.as_tensor(grid - 0.5))
    mean, variance = ours.predict(grid)
    assert mean == pytest.approx(posterior.mean.detach().numpy()[:, 0], abs=1e-4)
    assert variance == pytest.approx(posterior.variance.detach().numpy()[:, 0], abs=1e-4)
    centre, covariance, cross = ours.joint(grid[:3], grid[3:])
    joint = posterior.distribution.covariance_matrix.detach().numpy()
    assert centre == pytest.approx(posterior.mean.detach().numpy()[3:, 0], abs=1e-4)
    assert covariance == pytest.approx(joint[3:, 3:], abs=1e-4)
    assert cross == pytest.approx(joint[:3, 3:], abs=1e-4)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_gradient_is_exact(kernel: str) -> None:
    x, y = _data(12)
    squared = (x.T[:, :, None] - x.T[:, None, :]) ** 2
    arguments = (kernel, squared, (x - 0.5) @ (x - 0.5).T, y, np.full(12, 0.01), 2.0)
    theta = np.array([-0.5, 0.2, 0.4, -2.0, -0.7])
    difference = check_grad(
        lambda t: _negative_log_posterior(t, *arguments)[0],
        lambda t: _negative_log_posterior(t, *arguments)[1],
        theta,
    )
    assert difference < 1e-5


def test_single_precision_agrees_with_double() -> None:
    x, y = _data()
    model = fit_gaussian_process("rbf", x, y, np.zeros(25))
    grid = np.random.default_rng(2).random((50, 3))
    mean, variance = model.predict(grid)
    mean32, variance32 = model.predict(grid.astype(np.float32))
    assert mean32 == pytest.approx(mean, abs=1e-3)
    assert variance32 == pytest.approx(variance, abs=1e-3)


def test_one_shared_length_scale_is_one() -> None:
    x, y = _data()
    model = fit_gaussian_process("rbf", x, y, np.zeros(25), groups=np.zeros(3, dtype=np.int64))
    assert len(set(model.length.tolist())) == 1


def test_of_many_results_the_best_and_a_random_part_are_learnt_from_and_only_that_part_is_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, most in (("_ROWS", 40), ("_BEST_ROWS", 10), ("_SEARCH_ROWS", 20)):
        monkeypatch.setattr(committees, name, most)
    generator = np.random.default_rng(0)
    x, y = generator.random((300, 4)), generator.standard_normal(300)
    fitted = committees.fit_committee(x, y, np.zeros(300))
    assert len(fitted.y) == 40 == len(fitted.members[0].process.x)
    assert set(np.sort(y)[:10]) <= set(fitted.y)
    assert fitted.judged.sum() == 30
