"""The verdict in plain words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from screening.validation import grade, score

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
