"""The factor on standard deviations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from screening.calibration import FREEDOM, PRIOR_ROWS, fit_scale, half_width, log_density

UNIT = np.sqrt((FREEDOM - 2.0) / FREEDOM)


def test_honest_intervals_keep_a_factor_near_one() -> None:
    error = UNIT * np.random.default_rng(0).standard_t(FREEDOM, size=4000)
    assert fit_scale(error, np.ones(4000)) == pytest.approx(1.0, abs=0.04)


def test_intervals_three_times_too_narrow_are_widened_threefold() -> None:
    error = 3.0 * UNIT * np.random.default_rng(0).standard_t(FREEDOM, size=4000)
    assert fit_scale(error, np.ones(4000)) == pytest.approx(3.0, rel=0.04)


@pytest.mark.parametrize("freedom", [3.0, 4.0, 8.0, 1e6])
def test_scaled_intervals_hold_on_new_rows_whatever_the_shape(freedom: float) -> None:
    generator = np.random.default_rng(1)
    holds = {0.5: [], 0.8: [], 0.9: [], 0.95: []}
    for _ in range(200):
        error, new = generator.standard_t(freedom, size=(2, 60))
        factor = fit_scale(error, np.ones(60))
        for level, shares in holds.items():
            shares.append((np.abs(new) <= half_width(level) * factor).mean())
    for level, shares in holds.items():
        assert np.mean(shares) == pytest.approx(level, abs=0.06)


def test_the_factor_lies_between_the_conformal_and_the_likeliest_one() -> None:
    generator = np.random.default_rng(3)
    error, sd = generator.standard_t(3.0, size=19), generator.uniform(0.5, 2.0, size=19)
    # nine tenths of 19 + 1 rows: the second largest of 19 ratios
    conformal = np.sort(np.abs(error) / sd)[-2] / half_width(0.9)
    likeliest = minimize_scalar(lambda s: -log_density(error, s * sd).sum(), bounds=(0.05, 20.0), method="bounded").x
    told = fit_scale(error, sd)
    assert told == pytest.approx(np.sqrt(conformal * likeliest) ** (19 / (19 + PRIOR_ROWS)), rel=1e-4)


def test_few_rows_barely_move_it_and_none_not_at_all() -> None:
    assert fit_scale(np.array([]), np.array([])) == 1.0
    assert fit_scale(np.array([10.0]), np.ones(1)) < 1.3
