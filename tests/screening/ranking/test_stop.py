"""Stop advice: with reasons, and only when little is left to gain."""

from __future__ import annotations

import numpy as np
import pytest

from screening.errors import RankingError
from screening.ranking import advise_stopping, top_size


def test_a_promising_candidate_keeps_the_campaign_going() -> None:
    advice = advise_stopping(np.array([-1.0, 0.0]), np.array([0.3, 0.3]), -0.8, ["a", "b"], ["a", "b"])
    assert not advice.stop
    assert advice.expected_gain > 0.2
    assert "more than" in advice.reasons[0]


def test_nothing_better_in_sight_is_advice_to_stop() -> None:
    advice = advise_stopping(np.array([0.0, 0.1]), np.array([0.05, 0.05]), -1.0, ["a", "b"])
    assert advice.stop
    assert advice.regret_bound == 0.0
    assert np.isnan(advice.agreement)
    assert "no earlier round" in advice.reasons[-1]


@pytest.mark.parametrize(("before", "stop"), [(list(range(10)), True), (list(range(20, 30)), False)])
def test_a_wide_but_unlikely_chance_is_let_go_only_when_the_list_has_settled(before: list[int], stop: bool) -> None:
    advice = advise_stopping(np.zeros(10), np.full(10, 0.5), -0.9, list(range(10)), before, worthwhile=0.0999)
    assert advice.regret_bound > 0.0999
    assert advice.expected_gain < 0.1 * 0.0999
    assert advice.stop is stop


@pytest.mark.parametrize(
    ("mean", "worthwhile", "words"), [(np.empty(0), 0.05, "0 means"), (np.zeros(1), 0.0, "worthwhile")]
)
def test_what_cannot_be_judged_is_refused(mean: np.ndarray, worthwhile: float, words: str) -> None:
    with pytest.raises(RankingError, match=words):
        advise_stopping(mean, np.ones(len(mean)), 0.0, [], worthwhile=worthwhile)


@pytest.mark.parametrize(("n_left", "size"), [(0, 1), (9, 1), (30, 3), (150, 15), (10**9, 20)])
def test_the_top_list_is_a_share_of_what_is_left(n_left: int, size: int) -> None:
    assert top_size(n_left) == size
