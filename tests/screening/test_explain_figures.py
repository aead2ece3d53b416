"""Figures of an explanation are made from its numbers."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from screening import explain as figures
from screening.explain import MECHANISMS, Shapley, SignCheck

GENERATOR = np.random.default_rng(0)
TOLD = Shapley(("a", "b"), GENERATOR.normal(size=(9, 2)) * [1.0, 3.0], 0.2, GENERATOR.normal(size=(9, 2)))


@pytest.mark.parametrize("draw", [figures.bar, figures.beeswarm, figures.radar])
def test_a_figure_is_json(draw: object) -> None:
    assert json.loads(draw(TOLD).to_json())["data"]  # type: ignore[operator]  # one of the functions above


def test_a_waterfall_ends_at_the_prediction() -> None:
    told = figures.waterfall(TOLD, 3)
    assert sum(told.data[0].x) == pytest.approx(0.2 + TOLD.contributions[3].sum())


def test_a_waterfall_starts_at_the_base_of_its_own_model() -> None:
    own = Shapley(TOLD.feature_names, TOLD.contributions, 0.0, TOLD.x, np.arange(9.0))
    assert figures.waterfall(own, 3).data[0].x[0] == 3.0


def test_figures_of_a_validation_hold_its_numbers() -> None:
    frame = pd.DataFrame(
        {"split": "leave_one_out", "row": [2, 0], "y": [0.0, 1.0], "mean": [0.1, 0.0], "sd_calibrated": [0.1, 0.1]}
    )
    shown = figures.parity(frame, labels=["a", "b", "c"]).data[1]
    assert list(shown.text) == ["c", "a"]
    assert list(shown.error_y.array) == pytest.approx([0.1507, 0.1507], abs=1e-4)
    inside = figures.calibration(frame).data[1]
    assert inside.name == "leave one out"
    assert list(inside.y)[-1] == 0.5
    assert next(iter(inside.y)) == 0.0
    assert list(figures.learning_curve({0.8: 0.6, 0.4: 0.2}).data[0].y) == [0.2, 0.6]


def test_signs_show_the_papers_side_and_our_verdict() -> None:
    shown = figures.signs([SignCheck("homo_ev", -1, (0.5, 0.7), "contradicted")])
    assert shown.data[0].y[0] == "homo_ev (paper -): contradicted"
    assert shown.data[0].x[0] == pytest.approx(0.6)


def test_heatmap_dependence_and_residuals_hold_the_numbers_given() -> None:
    assert figures.heatmap(pd.DataFrame(np.eye(2), columns=["a", "b"])).data[0].z[0][0] == 1.0
    assert len(figures.dependence(np.arange(3.0), np.zeros(3), np.zeros((4, 3)), "a").data) == 5
    frame = pd.DataFrame({"y": [1.0, 2.0], "mean": [0.5, 2.0], "sd_calibrated": [0.1, 0.1]})
    assert list(figures.residuals(frame).data[0].y) == [0.5, 0.0]


def test_mechanisms_are_hypotheses_with_sources() -> None:
    assert all(m.hypothesis.startswith("hypothesis:") and m.source for m in MECHANISMS)
