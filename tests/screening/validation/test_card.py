"""The full score card."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from screening.validation import FullCard, full_score_card
from tests.screening.rows import smooth_rows

ROWS = smooth_rows(k=30)


@pytest.fixture(scope="module")
def card() -> FullCard:
    return full_score_card(ROWS.training, name="gp", baselines=("mean", "two_group", "linear"))


def test_it_holds_every_split_and_is_json(card: FullCard) -> None:
    told = json.loads(json.dumps(card.to_dict()))
    assert set(told["score_cards"]) == {"leave_one_out", "leave_one_spacer_out", "repeated_k_fold"}
    assert set(told["baselines"]) == {"mean", "two_group", "linear"}


def test_shuffled_targets_and_a_spacer_without_descriptors_score_nothing(card: FullCard) -> None:
    assert np.mean(card.scrambled_r2_log) < 0.15
    assert card.spacer_only_r2_log < 0.3
    assert card.validation.score_cards["leave_one_out"].r2_log > 0.6


def test_more_rows_predict_better(card: FullCard) -> None:
    shares = sorted(card.curve)
    assert card.curve[shares[-1]] > card.curve[shares[0]]


def test_the_verdict_names_the_baselines_that_are_as_good(card: FullCard) -> None:
    own = card.validation
    worse = {"mean": card.baselines["mean"], "two_group": card.baselines["two_group"]}
    assert replace(card, baselines=worse).verdict == f"{own.grade}; better than every baseline on spacers never seen"
    equal = {"mean": card.baselines["mean"], "linear": own}
    assert replace(card, baselines=equal).verdict == f"{own.grade}; not better than linear on spacers never seen"
