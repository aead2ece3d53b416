"""Acquisition values from mean and sd: right against quadrature, finite where the plain formula underflows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from screening.strategies.acquisitions import (
    LogProbabilityOfImprovement,
    LowerConfidenceBound,
    log_expected_improvement,
)


@pytest.mark.parametrize(("mean", "sd", "best"), [(0.0, 1.0, 0.3), (1.0, 0.2, 0.9), (-2.0, 0.5, -1.0), (3.0, 1.0, 0.0)])
def test_log_expected_improvement_is_the_logarithm_of_the_integral(mean: float, sd: float, best: float) -> None:
    integral, _ = quad(lambda y: (best - y) * norm.pdf(y, mean, sd), mean - 12 * sd, best, epsabs=0, epsrel=1e-10)
    value = log_expected_improvement(np.array([mean]), np.array([sd]), best)
    assert value[0] == pytest.approx(np.log(integral), abs=1e-6)


def test_log_expected_improvement_agrees_with_botorch_when_minimising() -> None:
    import torch
    from botorch.acquisition.analytic import LogExpectedImprovement
    from botorch.models import SingleTaskGP

    x = torch.linspace(0, 1, 8, dtype=torch.float64).unsqueeze(-1)
    y = torch.sin(6 * x)
    model = SingleTaskGP(x, y)
    grid = torch.linspace(-1, 2, 31, dtype=torch.float64).unsqueeze(-1)
    posterior = model.posterior(grid)
    theirs = LogExpectedImprovement(model, best_f=y.min(), maximize=False)(grid.unsqueeze(1)).detach().numpy()
    mean = posterior.mean.detach().numpy()[:, 0]
    sd = posterior.variance.detach().sqrt().numpy()[:, 0]
    assert log_expected_improvement(mean, sd, float(y.min())) == pytest.approx(theirs, abs=1e-5)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e3), st.floats(-1e6, 1e6))
def test_log_expected_improvement_is_always_finite_and_falls_with_the_mean(mean: float, sd: float, best: float) -> None:
    here, higher = log_expected_improvement(np.array([mean, mean + sd]), np.array([sd, sd]), best)
    assert np.isfinite(here)
    assert np.isfinite(higher)
    assert higher < here + 1e-9 * abs(here)


def test_log_expected_improvement_has_no_step_where_its_formula_changes() -> None:
    for edge in (-1.0, -1.0e5):
        sides = log_expected_improvement(np.zeros(2), np.ones(2), np.array([edge * (1 + 1e-9), edge * (1 - 1e-9)]))
        assert sides[0] == pytest.approx(sides[1], rel=1e-7)


def test_zero_spread_counts_as_almost_zero_not_as_an_error() -> None:
    value = log_expected_improvement(np.array([0.0, 1.0]), np.zeros(2), 0.5)
    assert value[0] == pytest.approx(np.log(0.5))
    assert np.isfinite(value[1])


def test_probability_of_improvement_and_confidence_bound_follow_their_formulas() -> None:
    mean, sd = np.array([0.0, 1.0]), np.array([1.0, 2.0])
    assert np.exp(LogProbabilityOfImprovement().value(mean, sd, 0.5)) == pytest.approx(norm.cdf([0.5, -0.25]))
    assert LowerConfidenceBound().value(mean, sd, 0.0) == pytest.approx([2.0, 3.0])
