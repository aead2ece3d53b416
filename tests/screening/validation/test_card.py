"""The full score card."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from screening.validation import LEAVE_OUT_SPLITS, FullCard, Validation, full_score_card, paired, verdict_of
from tests.screening.rows import smooth_rows

ROWS = smooth_rows(k=30)


@pytest.fixture(scope="module")
def card() -> FullCard:
    classes = {"two_group": np.where(ROWS.x[:, 1] > 0.5, "fast", "rest").tolist()}
    return full_score_card(ROWS.training, name="gp", classes=classes, baselines=("mean", "linear"))


def test_it_holds_every_split_and_is_json(card: FullCard) -> None:
    told = json.loads(json.dumps(card.to_dict()))
    assert set(told["score_cards"]) == {"leave_one_compound_out", "leave_one_spacer_out", "repeated_k_fold"}
    assert set(told["baselines"]) == {"mean", "two_group", "linear"}


def test_shuffled_targets_and_a_spacer_without_descriptors_score_nothing(card: FullCard) -> None:
    assert np.mean(card.scrambled_r2_log) < 0.15
    assert card.spacer_only_r2_log < 0.3
    assert card.validation.score_cards["leave_one_compound_out"].r2_log > 0.6


def test_more_rows_predict_better(card: FullCard) -> None:
    shares = sorted(card.curve)
    assert card.curve[shares[-1]] > card.curve[shares[0]]


def test_the_verdict_names_the_baselines_it_is_not_shown_to_beat(card: FullCard) -> None:
    own = replace(card, slow_order=None)
    better, open_ = {"mean": (0.3, 0.1)}, {"mean": (0.3, 0.1), "class_means": (0.01, 0.04)}
    grade = own.validation.grade
    assert replace(own, saved=better).verdict == f"{grade}; better than every baseline on spacers never seen"
    assert (
        replace(own, saved=open_).verdict == f"{grade}; not shown to be better than class means on spacers never seen"
    )


def test_the_verdict_says_where_the_order_among_slow_compounds_is_not_shown(card: FullCard) -> None:
    assert "rank correlation 0.14 in 31 rows" in replace(card, slow_order=(0.14, 31)).verdict
    assert "slow" not in replace(card, slow_order=(0.6, 31)).verdict


@pytest.mark.parametrize(("sign", "is_told"), [(1.0, False), (-1.0, True)])
def test_the_grade_of_a_fit_says_where_the_order_among_slow_compounds_is_not_shown(sign: float, is_told: bool) -> None:
    slow = np.linspace(-1.0, 0.0, 12)
    frame = {"row": range(24), "fold": range(24), "y": [*slow, *(slow + 5.0)], "mean": [*(sign * slow), *(slow + 5.0)]}
    both = [pd.DataFrame({"split": split, **frame, "sd": 0.5, "sd_calibrated": 0.5}) for split in LEAVE_OUT_SPLITS]
    validation = Validation.of("networks_processes", pd.concat(both, ignore_index=True))
    told = verdict_of(validation, labels := ("slow",) * 12 + ("fast",) * 12)
    assert ("it cannot tell which slow compound is the slowest (rank correlation -1.00 in 12 rows)" in told) == is_told
    assert "parts" not in told
    assert verdict_of(validation, labels * 25).endswith(
        "compounds and spacers of 600 rows are left out in at most 5 parts"
    )
    assert "its processes learn from 1,000 of them, evenly spaced" in verdict_of(validation, labels * 50)


def test_class_means_are_the_means_of_the_other_rows_of_the_class(card: FullCard) -> None:
    frame = card.baselines["two_group"].predictions
    frame = frame[frame["split"] == "leave_one_spacer_out"].sort_values("row")
    fast = ROWS.x[:, 1] > 0.5
    own = np.array([group == ROWS.groups[0] for group in ROWS.groups])
    assert frame["mean"].iloc[0] == pytest.approx(ROWS.y[(fast == fast[0]) & ~own].mean(), abs=1e-6)


def test_a_paired_standard_error_counts_rows_of_one_group_once() -> None:
    difference, groups = np.array([1.0, 1.0, -1.0, -1.0]), np.array([0, 0, 1, 1])
    assert paired(difference, groups) == (0.0, pytest.approx(np.sqrt(8.0) / 4.0))
    assert paired(difference, np.arange(4)) == (0.0, pytest.approx(0.5))
