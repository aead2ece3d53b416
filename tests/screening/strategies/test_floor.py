"""What is named after a prediction ranks by it: the chance to form is a floor there, and a factor elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from screening.feasibility import fit_feasibility
from screening.ranking import Candidates, PassSettings, rank, space_features
from screening.strategies import STRATEGIES, Acquisition
from screening.strategies.acquisitions import FLOOR
from tests.screening.ranking.test_rank import SPACE, TABLES, WavyWithModel

EVERY = np.arange(len(SPACE))
MEAN, SD = WavyWithModel().predict(space_features(SPACE, EVERY, *TABLES))
CHANCE = np.exp(fit_feasibility().bind(SPACE).log_probability(SPACE.take(EVERY)))


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize(("name", "beta"), [("greedy", 0.0), ("lcb", 2.0)])
def test_the_order_is_that_of_the_prediction_among_what_is_likely_to_form(name: str, beta: float, single: bool) -> None:
    candidates = Candidates(SPACE, *TABLES, WavyWithModel(), 0.0, STRATEGIES.get(name)(), fit_feasibility())
    frame = rank(candidates, len(SPACE), PassSettings(single_precision=single)).frame
    likely = CHANCE >= FLOOR
    assert 0 < likely.sum() < len(SPACE)
    order = np.lexsort((EVERY, MEAN - beta * SD, ~likely))
    assert frame["index"].tolist() == order.tolist()


@pytest.mark.parametrize("name", ["greedy", "lcb", "thompson"])
def test_the_floor_is_said(name: str) -> None:
    assert "below 50% stands behind all others" in STRATEGIES.get(name)().ranked_by


def test_a_logarithm_is_multiplied_by_the_chance() -> None:
    strategy = STRATEGIES.get("log_ei")()
    assert isinstance(strategy, Acquisition)
    candidates = Candidates(SPACE, *TABLES, WavyWithModel(), 0.0, strategy, fit_feasibility())
    frame = rank(candidates, 20).frame
    value = strategy.value(MEAN, SD, 0.0) + np.log(CHANCE)
    assert frame["acquisition"].to_numpy() == pytest.approx(value[frame["index"]])
