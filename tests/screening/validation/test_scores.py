"""The score card against closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm, spearmanr, t

from screening.calibration import FREEDOM, half_width
from screening.validation import grade, rank_correlation, score


def normal(size: int) -> NDArray[np.float64]:
    """The same numbers whichever tests ran before."""
    return np.random.default_rng(0).normal(size=size)


def test_perfect_predictions_score_one() -> None:
    y = normal(30)
    card = score(y, y, np.full(30, 0.1))
    assert card.r2_log == card.r2_rate == card.spearman == 1.0
    assert card.mae_log == card.rmse_log == 0.0
    assert card.coverage_50 == 1.0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=30))
def test_ranks_and_densities_are_those_of_scipy(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs, dtype=np.float64).T
    if np.ptp(a) and np.ptp(b):
        assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)
    sd = 0.1 + np.abs(b)
    assert score(a, b, sd, sd).nlpd_raw == pytest.approx(-norm.logpdf(a - b, scale=sd).mean())


def test_errors_and_shares_of_variance_follow_their_definitions() -> None:
    y, mean = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0, 2.0])
    card = score(y, mean, np.ones(4))
    assert (card.n_rows, card.mae_log, card.rmse_log) == (4, 0.25, 0.5)
    assert card.r2_log == pytest.approx(1.0 - 1.0 / 5.0)
    rates = np.array([1.0, 10.0, 100.0, 1000.0])
    total = ((rates - rates.mean()) ** 2).sum()
    assert card.r2_rate == pytest.approx(1.0 - 900.0**2 / total)
    assert score(y, mean, np.ones(4), rate=rates + 2.0).r2_rate == pytest.approx(1.0 - 4 * 2.0**2 / total)


def test_a_spread_that_grows_with_the_error_whatever_its_sign_ranks_perfectly() -> None:
    error, sd = np.array([0.1, -0.2, 0.3, -0.4]), np.array([1.0, 2.0, 3.0, 4.0])
    assert score(np.arange(4.0) + error, np.arange(4.0), sd).spread_error_spearman == pytest.approx(1.0)


@pytest.mark.parametrize("level", [50, 80, 90, 95])
def test_each_coverage_counts_the_errors_inside_its_own_interval(level: int) -> None:
    width = half_width(level / 100.0)
    inside, outside = (score(np.full(5, e), np.zeros(5), np.ones(5)) for e in (width - 1e-6, width + 1e-6))
    told = [(card.coverage_50, card.coverage_80, card.coverage_90, card.coverage_95) for card in (inside, outside)]
    place = (50, 80, 90, 95).index(level)
    assert told[0] == (0.0,) * place + (1.0,) * (4 - place)
    assert told[1] == (0.0,) * (place + 1) + (1.0,) * (3 - place)


def test_intervals_that_hold_everything_are_half_a_share_off_on_average() -> None:
    assert score(np.zeros(9), np.zeros(9), np.ones(9)).miscalibration_area == pytest.approx(0.5)


def test_the_mean_scores_zero() -> None:
    y = normal(30)
    assert score(y, np.full(30, y.mean()), np.ones(30)).r2_log == pytest.approx(0.0)


def test_errors_of_the_predicted_shape_are_covered_as_they_should_be() -> None:
    error = np.random.default_rng(0).standard_t(FREEDOM, size=20000) * np.sqrt((FREEDOM - 2.0) / FREEDOM)
    card = score(error, np.zeros(20000), np.ones(20000))
    for level, covered in ((0.5, card.coverage_50), (0.8, card.coverage_80), (0.9, card.coverage_90)):
        assert covered == pytest.approx(level, abs=0.01)
    assert card.miscalibration_area < 0.01
    shape = t(FREEDOM, scale=np.sqrt((FREEDOM - 2.0) / FREEDOM))
    assert card.nlpd == pytest.approx(shape.entropy(), abs=0.03)
    # the score of a true distribution is half the mean distance of two draws from it
    draws = shape.rvs(size=(2, 200_000), random_state=1)
    assert card.crps == pytest.approx(0.5 * np.abs(draws[0] - draws[1]).mean(), abs=0.01)


def test_normal_errors_score_as_normal_before_recalibration() -> None:
    error = normal(20000)
    card = score(error, np.zeros(20000), np.ones(20000))
    assert card.nlpd_raw == pytest.approx(0.5 * np.log(2 * np.pi * np.e), abs=0.02)
    assert card.coverage_90_raw == pytest.approx(0.9, abs=0.01)


@given(st.floats(0.1, 10.0))
def test_scores_of_rank_do_not_depend_on_the_scale(factor: float) -> None:
    y, mean = np.arange(8.0), np.arange(8.0) ** 2
    assert score(y, factor * mean, np.ones(8)).spearman == pytest.approx(1.0)


def test_equal_targets_leave_r2_undefined() -> None:
    card = score(np.ones(5), np.zeros(5), np.ones(5))
    assert np.isnan(card.r2_log)
    assert card.to_dict()["r2_log"] is None


GENERATOR = np.random.default_rng(0)
Y = GENERATOR.normal(size=200)
GOOD = score(Y, Y + 0.3 * GENERATOR.normal(size=200), np.full(200, 0.3))


def test_good_predictions_are_called_useful_and_honest() -> None:
    told = grade({"leave_one_out": GOOD})
    assert "usefully" in told
    assert "honest" in told
    assert "single predictions are useful" in told


def test_the_worst_split_decides() -> None:
    told = grade({"leave_one_out": GOOD, "leave_one_spacer_out": replace(GOOD, r2_log=-0.1)})
    assert "no better than the mean" in told
    assert "do not trust single predictions" in told


def test_narrow_intervals_are_named() -> None:
    assert "too narrow" in grade({"leave_one_out": replace(GOOD, coverage_90=0.6)})


def test_a_split_of_few_rows_does_not_decide() -> None:
    assert "usefully" in grade({"leave_one_out": GOOD, "small": replace(GOOD, r2_log=-3.0, n_rows=7)})
