"""Decays through a Gaussian response."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from benchmarks.synthetic_traces import exponential_response, step_response, stretched_response
from campaigns.kinetics.model import DECAYS, EXTRAS, FWHM_PER_SIGMA, RESPONSES, Model, Response, linear_terms

SIGMA = 0.15 / FWHM_PER_SIGMA


def convolved(decay, delay: float) -> float:
    """The convolution by adaptive quadrature, in the square root of the decay's own time."""

    def integrand(root: float) -> float:
        own = root * root
        gauss = np.exp(-((delay - own) ** 2) / (2 * SIGMA**2)) / (SIGMA * np.sqrt(2 * np.pi))
        return decay(own) * gauss * 2 * root

    low, high = (max(0.0, delay + reach * SIGMA) ** 0.5 for reach in (-12, 12))
    return quad(integrand, low, high, epsabs=1e-12, limit=400)[0]


@pytest.mark.parametrize("lifetime", [0.001, 0.05, 0.3, 40.0])
def test_exponential_agrees_with_quadrature(lifetime: float) -> None:
    delays = np.array([-0.2, 0.0, 0.05, 0.3, 2.0, 60.0])
    expected = [convolved(lambda t: np.exp(-t / lifetime), delay) for delay in delays]
    assert exponential_response(delays, 0.0, lifetime, SIGMA) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("beta", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("lifetime", [0.01, 0.3, 40.0])
def test_stretched_agrees_with_quadrature(lifetime: float, beta: float) -> None:
    delays = np.array([-0.2, 0.0, 0.05, 0.3, 0.5, 0.7, 2.0, 60.0])
    expected = [convolved(lambda t: np.exp(-((t / lifetime) ** beta)), delay) for delay in delays]
    assert stretched_response(delays, 0.0, lifetime, SIGMA, beta) == pytest.approx(expected, abs=1e-6)


@given(
    lifetime=st.floats(1e-6, 1e6),
    sigma=st.floats(1e-4, 10.0),
    delay=st.floats(-1e6, 1e6),
)
def test_exponential_is_finite_and_between_zero_and_one_everywhere(lifetime: float, sigma: float, delay: float) -> None:
    value = exponential_response(np.array([delay]), 0.0, lifetime, sigma)[0]
    assert 0.0 <= value <= 1.0 + 1e-12


@pytest.mark.parametrize("decay", DECAYS)
@given(
    lifetime=st.floats(0.05, 50.0),
    fwhm=st.floats(0.05, 1.0),
    zero=st.floats(-1.0, 1.0),
    shape=st.sampled_from(sorted(RESPONSES)),
    apart=st.sampled_from([0.0, 0.1]),
)
@settings(max_examples=10)
def test_slopes_of_every_model_agree_with_differences(
    decay: str, lifetime: float, fwhm: float, zero: float, shape: str, apart: float
) -> None:
    delays, step = np.linspace(-2.0, 8.0, 60), 1e-5
    model, beside = Model(decay, EXTRAS), {"sum": np.cos(delays), "drift": delays}
    theta = np.array([zero, np.log(lifetime), np.log(fwhm), *(start for start, _, _ in DECAYS[decay].values())])

    def terms(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return linear_terms(model, delays, theta, Response(float(np.exp(theta[2])), shape, apart), beside)

    slopes = terms(theta)[1]
    for at in range(len(theta)):
        moved = np.zeros(len(theta))
        moved[at] = step
        difference = (terms(theta + moved)[0] - terms(theta - moved)[0]) / (2.0 * step)
        assert slopes[:, at] == pytest.approx(difference, abs=1e-5 * max(1.0, np.abs(difference).max()))


def test_a_stretched_decay_with_exponent_one_is_the_exponential() -> None:
    delays = np.linspace(-1.0, 10.0, 200)
    assert stretched_response(delays, 0.1, 0.7, SIGMA, 1.0) == pytest.approx(
        exponential_response(delays, 0.1, 0.7, SIGMA), abs=1e-6
    )


def test_a_very_long_lifetime_is_the_step() -> None:
    delays = np.linspace(-1.0, 10.0, 200)
    assert exponential_response(delays, 0.1, 1e7, SIGMA) == pytest.approx(step_response(delays, 0.1, SIGMA), abs=1e-5)
