"""The gain of one more experiment: the increment of the batch expected improvement."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from botorch.models import SingleTaskGP
from scipy.special import ndtri
from scipy.stats import qmc

from screening.strategies.acquisitions import gaussian_moments, log_expected_improvement, log_gain, normal_samples


def _gaussian(seed: int, p: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(p, p))
    return rng.normal(size=p), root @ root.T + 0.1 * np.eye(p)


def test_without_pending_points_the_gain_is_expected_improvement() -> None:
    mean, variance = np.array([0.1, 0.7]), np.array([0.2, 0.4])
    assert (log_gain(mean, variance, 0.3, None, 0) == log_expected_improvement(mean, np.sqrt(variance), 0.3)).all()


def test_the_gain_is_the_increment_of_batch_expected_improvement() -> None:
    centre, covariance = _gaussian(1, 4)  # three pending points and one candidate
    draws = np.random.default_rng(2).multivariate_normal(centre, covariance, size=400_000)
    best = 0.2
    before = np.maximum(best - draws[:, :3].min(axis=1), 0.0).mean()
    after = np.maximum(best - draws.min(axis=1), 0.0).mean()
    pending = (centre[:3], covariance[:3, :3], covariance[3:, :3])
    gain = np.exp(log_gain(centre[3:], covariance[3:, 3], best, pending, seed=0))
    assert gain[0] == pytest.approx(after - before, rel=0.03)


def test_a_pending_copy_of_a_candidate_leaves_almost_nothing_to_gain() -> None:
    covariance = np.array([[1.0]])
    alone = log_gain(np.zeros(1), np.ones(1), 0.0, None, 0)
    again = log_gain(np.zeros(1), np.ones(1), 0.0, (np.zeros(1), covariance, np.array([[1.0]])), 0)
    assert again[0] < alone[0] - 5.0


def test_duplicate_pending_points_do_not_break_the_factorisation() -> None:
    pending = (np.zeros(3), np.ones((3, 3)), np.array([[0.5, 0.5, 0.5]]))
    assert np.isfinite(log_gain(np.zeros(1), np.ones(1), 0.0, pending, 0)).all()


def test_samples_are_normal_reproducible_and_leave_global_state_alone() -> None:
    state = np.random.get_state()[1].copy()  # noqa: NPY002  # the global generator is what is watched
    samples = normal_samples(3, seed=7)
    assert samples.shape == (256, 3)
    assert (samples == normal_samples(3, seed=7)).all()
    assert abs(samples.mean()) < 0.02
    assert samples.std() == pytest.approx(1.0, abs=0.03)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_moments_agree_with_the_posterior_of_a_botorch_model() -> None:
    x = torch.rand(10, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    model = SingleTaskGP(x, x.sum(-1, keepdim=True).sin())
    candidates, pending = np.random.default_rng(0).random((5, 2)), np.random.default_rng(1).random((3, 2))
    mean, variance, centre, covariance, cross = gaussian_moments(model, candidates, pending)
    joint = model.posterior(torch.as_tensor(np.vstack([candidates, pending])))
    expected = joint.distribution.covariance_matrix.detach().numpy()
    assert mean == pytest.approx(joint.mean.detach().numpy()[:5, 0])
    assert centre == pytest.approx(joint.mean.detach().numpy()[5:, 0])
    assert variance == pytest.approx(np.diag(expected)[:5], rel=1e-6)
    assert covariance == pytest.approx(expected[5:, 5:], rel=1e-4, abs=1e-8)
    assert cross == pytest.approx(expected[:5, 5:], rel=1e-4, abs=1e-8)


def test_samples_are_those_of_scipys_scrambled_sobol_sequence() -> None:
    for dimension, seed in ((1, 0), (7, 42), (60, 3)):
        uniform = qmc.Sobol(dimension, scramble=True, rng=np.random.default_rng(seed)).random(256)
        normal = ndtri(np.clip(uniform, 1e-9, 1.0 - 1e-9))
        assert np.allclose(normal_samples(dimension, seed), normal, rtol=1e-13, atol=1e-15)
