"""The shape of calibrated predictions against scipy and against its own definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import t

from screening.calibration import FREEDOM, crps, half_width, log_density

#: Student's t with a standard deviation of one.
UNIT = t(FREEDOM, scale=np.sqrt((FREEDOM - 2.0) / FREEDOM))


def test_a_standard_deviation_stays_one() -> None:
    assert UNIT.std() == pytest.approx(1.0)
    e = np.linspace(-8.0, 8.0, 7)
    np.testing.assert_allclose(log_density(2.0 * e, np.full(7, 2.0)), UNIT.logpdf(e) - np.log(2.0))


@given(st.floats(0.01, 0.99))
def test_a_central_interval_holds_its_level(level: float) -> None:
    width = float(half_width(level))
    assert UNIT.cdf(width) - UNIT.cdf(-width) == pytest.approx(level)


def test_half_of_the_errors_lie_closer_than_a_normal_distribution_says() -> None:
    assert half_width(0.5) < 0.6
    assert half_width(0.99) > 2.576


@pytest.mark.parametrize(("error", "sd"), [(0.3, 0.5), (-2.0, 2.0), (0.0, 1.0)])
def test_the_rank_score_is_the_integral_that_defines_it(error: float, sd: float) -> None:
    below = quad(lambda z: UNIT.cdf(z / sd) ** 2, -np.inf, error)[0]
    above = quad(lambda z: UNIT.sf(z / sd) ** 2, error, np.inf)[0]
    assert crps(np.array([error]), np.array([sd]))[0] == pytest.approx(below + above, rel=1e-6)
