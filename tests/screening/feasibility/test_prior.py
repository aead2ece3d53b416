"""The prior rules: what each says, and that a reader can see it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from chemspace import CationLibrary
from screening.errors import FeasibilityError
from screening.feasibility import CageWindow, FeasibilityPrior, ThickLayers, cage_tolerance

LIBRARY = CationLibrary.builtin()


def factor(cage: str | None) -> float:
    tolerance = cage_tolerance(None if cage is None else LIBRARY[cage], "Pb", "I")
    return float(np.exp(CageWindow().log_factor(np.array([tolerance]))[0]))


def test_a_cage_that_is_reported_in_three_dimensional_perovskites_costs_nothing() -> None:
    assert factor("MA") == factor("FA") == factor(None) == 1.0


def test_the_worse_a_cage_fits_the_lower_the_odds() -> None:
    guanidinium, tetramethylammonium = factor("GA"), factor("TMA")
    assert 1.0 > guanidinium > tetramethylammonium > 0.0


def test_a_cage_of_unknown_size_has_not_been_shown_to_fit() -> None:
    assert factor("TMS") < factor("GA")
    told = CageWindow().words(cage_tolerance(LIBRARY["TMS"], "Pb", "I"))
    assert told.startswith("cage cation without a published radius")


def test_the_window_has_the_stated_ends() -> None:
    told = np.exp(CageWindow().log_factor(np.array([0.83, 0.84, 1.0, 1.01, 1.05, 1.06, np.nan, np.inf])))
    assert told.tolist() == pytest.approx([0.02, 1.0, 1.0, 0.7, 0.7, 0.02, 1.0, 0.3])


def test_a_rule_that_says_nothing_is_not_mentioned() -> None:
    assert CageWindow().words(cage_tolerance(LIBRARY["MA"], "Pb", "I")) == ""
    assert CageWindow().words(float("nan")) == ""


def test_many_layers_cost_from_their_threshold_on() -> None:
    told = ThickLayers(odds_factor=0.25, each_layer=False).log_odds(np.array([1, 3, 4, 5]))
    assert np.exp(told).tolist() == pytest.approx([1, 1, 0.25, 0.25])


def test_every_further_layer_costs_the_same_again() -> None:
    assert np.exp(ThickLayers().log_odds(np.array([3, 4, 5, 10]))).tolist() == pytest.approx([1, 1 / 2, 1 / 4, 1 / 128])


@pytest.mark.parametrize("cage", ["TMA", "K", "Rb"])
def test_a_cage_that_fits_no_lead_iodide_is_said_to_be_outside(cage: str) -> None:
    told = CageWindow().words(cage_tolerance(LIBRARY[cage], "Pb", "I"))
    assert "where no lead-iodide cage is known to hold its cation: P x 0.02" in told
    assert factor("Cs") == 1.0


def test_a_cage_that_does_not_fit_bounds_the_chance_whatever_the_spacer() -> None:
    told = expit(CageWindow().applied(np.array([0.0, 8.0, 8.0]), np.log([0.02, 0.02, 1.0])))
    assert told.tolist() == pytest.approx([0.01, 0.02, expit(8.0)], rel=1e-3)


@pytest.mark.parametrize("name", ["factor", "misfit_factor", "unknown_factor"])
def test_a_factor_of_zero_is_refused_by_name(name: str) -> None:
    with pytest.raises(FeasibilityError, match=name):
        FeasibilityPrior(cage_window=CageWindow(**{name: 0.0}))
