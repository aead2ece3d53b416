"""Rows whose rate is only a lower bound, because the lifetime was an upper one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from screening.errors import TrainingDataError
from screening.surrogate import Surrogate, fit_surrogate
from screening.surrogates import TrainingRows, surrogate_names
from screening.surrogates.observations import bound_sites
from screening.validation import cross_validate
from tests.screening.rows import smooth_rows

ROWS = smooth_rows(k=25)
LAST = np.arange(25) == 24
GROUPS = (*ROWS.groups[:24], "bound")
AT = ROWS.x[24:]
#: Built of the others; bounds reach them no other way.
SLOW = {
    "auto",
    "gp_ensemble",
    "networks_processes",
    "networks_ranked_processes",
    "random_forest",
    "xgboost",
    "spinscreen",
    "gp_rough",
    "gp_ard",
}


def _with_bound(bound: float, name: str = "gp") -> Surrogate:
    y = np.where(LAST, bound, ROWS.y)
    return fit_surrogate(TrainingRows.of(ROWS.x, y, ROWS.noise, GROUPS, censored=LAST), seed=3, name=name)


def _without(name: str = "gp") -> Surrogate:
    return fit_surrogate(TrainingRows.of(ROWS.x[:24], ROWS.y[:24], ROWS.noise[:24], GROUPS[:24]), seed=3, name=name)


@pytest.mark.parametrize("name", ["gp", "ensemble", "trees", "spinscreen"])
def test_a_bound_far_below_what_is_believed_changes_nothing(name: str) -> None:
    plain, told = _without(name).predict(ROWS.x), _with_bound(-50.0, name).predict(ROWS.x)
    assert np.allclose(plain[0], told[0], atol=1e-4)
    assert np.allclose(plain[1], told[1], rtol=1e-3)


@pytest.mark.parametrize("name", ["gp", "ensemble", "trees"])
def test_a_bound_above_what_was_believed_raises_the_rate(name: str) -> None:
    believed, sd = _without(name).predict(AT)
    raised, _ = _with_bound(float(believed[0] + 3.0 * sd[0]), name).predict(AT)
    assert raised[0] > believed[0] + 0.1 * sd[0]


def test_a_higher_bound_says_more() -> None:
    means = [_with_bound(bound).predict(AT)[0][0] for bound in (-2.0, 0.0, 2.0, 4.0)]
    assert (np.diff(means) > 0.0).all()


def test_a_bound_is_not_a_value() -> None:
    believed = float(_without().predict(AT)[0][0])
    low = believed - 0.5
    y = np.where(LAST, low, ROWS.y)
    as_value = fit_surrogate(TrainingRows.of(ROWS.x, y, ROWS.noise, GROUPS), seed=3, name="gp").predict(AT)[0][0]
    assert as_value < believed - 0.2
    assert _with_bound(low).predict(AT)[0][0] > believed - 0.05


def test_one_bound_gives_the_moments_of_the_truncated_density() -> None:
    prior, error, bound = 1.7, 0.2, 0.6
    covariance = torch.tensor([[[prior]]], dtype=torch.float64)
    at, width = (torch.tensor([[value]], dtype=torch.float64) for value in (bound, error))
    one = torch.ones(1, 1, dtype=torch.bool)
    target, variance = bound_sites(covariance, at, width, one, one[0])
    precision = 1.0 / prior + 1.0 / float(variance)
    mean = float(target / variance) / precision

    def density(f: float, power: int) -> float:
        return float(f**power * stats.norm.pdf(f, 0.0, prior**0.5) * stats.norm.sf(bound, f, error**0.5))

    mass, first, second = (integrate.quad(density, -12, 12, args=(power,))[0] for power in (0, 1, 2))
    assert mean == pytest.approx(first / mass, abs=1e-4)
    assert 1.0 / precision == pytest.approx(second / mass - (first / mass) ** 2, abs=1e-4)


def test_bounds_are_neither_predicted_nor_scored() -> None:
    told = cross_validate(
        TrainingRows.of(ROWS.x, np.where(LAST, 0.0, ROWS.y), ROWS.noise, GROUPS, censored=LAST),
        name="gp",
        splits=("leave_one_out",),
    )
    assert told.score_cards["leave_one_out"].n_rows == 24
    assert 24 not in set(told.predictions["row"])


def test_a_bound_is_held_out_with_its_spacer() -> None:
    groups = (*ROWS.groups[:24], ROWS.groups[0])
    first = np.array([group == ROWS.groups[0] for group in groups])

    def predicted(bound: float) -> np.ndarray:
        y = np.where(LAST, bound, ROWS.y)
        split = ("leave_one_spacer_out",)
        told = cross_validate(TrainingRows.of(ROWS.x, y, ROWS.noise, groups, censored=LAST), name="gp", splits=split)
        frame = told.predictions.set_index("row")
        return frame.loc[np.flatnonzero(first & ~LAST), "mean"].to_numpy(dtype=float)

    assert np.array_equal(predicted(-1.0), predicted(3.0))


@pytest.mark.parametrize("name", [n for n in surrogate_names() if n not in SLOW])
def test_every_surrogate_takes_bounds(name: str) -> None:
    mean, sd = _with_bound(1.0, name).predict(ROWS.x)
    assert np.isfinite(mean).all()
    assert (sd > 0.0).all()


@pytest.mark.parametrize(
    ("censored", "says"),
    [
        (np.arange(25) >= 2, "2 rows to learn from beside 23 bounds"),
        (np.zeros(24, dtype=bool), "one bool a row"),
        (np.zeros(25), "one bool a row"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(censored: np.ndarray, says: str) -> None:
    with pytest.raises(TrainingDataError, match=says):
        fit_surrogate(TrainingRows.of(ROWS.x, ROWS.y, censored=censored))
