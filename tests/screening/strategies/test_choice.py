"""Acquisitions by name, the automatic choice, and wishes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from screening.errors import RankingError
from screening.strategies import STRATEGIES, Acquisition, Wish, choose_strategy
from screening.strategies.objectives import log_desirability

MEAN, SD = np.array([0.0, 0.5, 1.0]), np.array([0.1, 0.6, 1.0])


@pytest.mark.parametrize(
    ("name", "favourite"), [("greedy", 0), ("max_variance", 2), ("lcb", 2), ("log_ei", 2), ("log_pi", 0)]
)
def test_each_acquisition_has_its_favourite(name: str, favourite: int) -> None:
    strategy = STRATEGIES.get(name)()
    assert isinstance(strategy, Acquisition)
    assert int(np.argmax(strategy.value(MEAN, SD, 0.05))) == favourite


def test_every_acquisition_says_what_it_wants() -> None:
    for entry in STRATEGIES.entries():
        assert entry.item.words
        assert entry.words.endswith(".")


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(RankingError, match="no acquisition 'magic'; there are log_ei, log_pi"):
        STRATEGIES.get("magic")


@pytest.mark.parametrize(
    ("r2", "spearman", "coverage", "acquisition", "word"),
    [
        (0.8, 0.9, 0.88, "log_ei", "for what they promise: the model explains 80%"),
        (0.3, 0.5, 0.92, "log_ei", "promise and for what they teach"),
        (0.8, 0.9, 0.55, "max_variance", "calibration"),
        (-0.1, 0.05, 0.9, "max_variance", "cannot tell"),
        (float("nan"), float("nan"), float("nan"), "max_variance", "calibration"),
    ],
)
def test_a_surrogate_that_fails_its_check_may_only_explore(
    r2: float, spearman: float, coverage: float, acquisition: str, word: str
) -> None:
    choice = choose_strategy(SimpleNamespace(r2_log=r2, spearman=spearman, coverage_90=coverage))
    assert choice.name == acquisition
    assert word in choice.reason


def test_what_a_list_holds_to_teach_is_said_beside_what_it_promises() -> None:
    card = SimpleNamespace(r2_log=0.8, spearman=0.9, coverage_90=0.88)
    assert choose_strategy(card, 0.2).reason.startswith(
        "compounds are chosen for what they promise, 20% of a list and at least one for what they teach: the model"
    )


def test_wishes_are_weighed_and_an_unmet_one_still_leaves_an_order() -> None:
    values = {"rate": np.array([0.1, 0.1, 1.0, 2.0]), "price": np.array([10.0, 100.0, 10.0, np.nan])}
    wishes = [Wish("rate", useless=1.0, perfect=0.0, weight=2.0), Wish("price", useless=200.0, perfect=0.0)]
    score = log_desirability(values, wishes)
    assert score[0] > score[1] > score[2] > score[3]
    assert score[0] == pytest.approx((2 * np.log(0.9) + np.log(0.95)) / 3)
    assert score[3] == -np.inf


@pytest.mark.parametrize(
    ("values", "wishes", "words"),
    [({"a": MEAN}, [], "no wishes"), ({"a": MEAN}, [Wish("b", 0.0, 1.0)], "no column 'b'")],
)
def test_wishes_that_cannot_be_are_refused(values: dict[str, np.ndarray], wishes: list[Wish], words: str) -> None:
    with pytest.raises(RankingError, match=words):
        log_desirability(values, wishes)
    with pytest.raises(RankingError, match="different finite"):
        Wish("a", 1.0, 1.0)
    with pytest.raises(RankingError, match="weight"):
        Wish("a", 0.0, 1.0, 0.0)
