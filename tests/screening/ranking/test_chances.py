"""Every ranked compound carries its chances and what it is good for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from screening.calibration import FREEDOM, UNIT, chance_below, half_width
from screening.feasibility import fit_feasibility
from screening.ranking import Candidates, rank
from screening.strategies import STRATEGIES
from tests.screening.ranking.test_rank import SPACE, TABLES, Wavy


def test_a_chance_is_that_of_the_distribution_of_the_intervals() -> None:
    mean, sd = np.array([0.2, -1.0]), np.array([0.3, 0.5])
    assert chance_below(0.1, mean, sd) == pytest.approx(student(FREEDOM, mean, UNIT * sd).cdf(0.1))
    assert chance_below(0.2 + 0.3 * float(half_width(0.9)), mean, sd)[0] == pytest.approx(0.95)


@pytest.mark.parametrize("goal", [None, -3.0, 1.0])
def test_the_chances_are_to_be_slower_than_the_best_and_than_the_goal(goal: float | None) -> None:
    candidates = Candidates(SPACE, *TABLES, Wavy(), -1.0, feasibility=fit_feasibility(), goal=goal)
    ranking = rank(candidates, 50)
    frame = ranking.frame
    mean, sd = frame["mean"].to_numpy(), frame["sd"].to_numpy()
    assert frame["chance_best"].to_numpy() == pytest.approx(chance_below(-1.0, mean, sd))
    if goal is None:
        assert frame["chance_goal"].isna().all()
    else:
        assert frame["chance_goal"].to_numpy() == pytest.approx(chance_below(goal, mean, sd))
    assert ranking.best_observed == min(-1.0, 0.0 if goal is None else goal)


def test_improvement_counts_from_the_goal_where_that_is_beyond_the_best() -> None:
    wanted = rank(Candidates(SPACE, *TABLES, Wavy(), -1.0, goal=-3.0), 30).frame
    assert (
        wanted["acquisition"].tolist()
        == rank(Candidates(SPACE, *TABLES, Wavy(), -3.0), 30).frame["acquisition"].tolist()
    )


@pytest.mark.parametrize(("name", "tag"), [("greedy", "likely slow"), ("max_variance", "teaches most")])
def test_the_tag_says_whether_the_prediction_or_its_uncertainty_stands_out(name: str, tag: str) -> None:
    frame = rank(Candidates(SPACE, *TABLES, Wavy(), 0.0, STRATEGIES.get(name)()), len(SPACE)).frame
    assert frame["tag"][0] == tag
    assert set(frame["tag"]) == {"likely slow", "teaches most"}
    slow, uncertain = frame["mean"].rank(method="min"), frame["sd"].rank(method="min", ascending=False)
    assert ((frame["tag"] == "likely slow") == (slow <= uncertain)).all()
