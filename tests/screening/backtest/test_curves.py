"""Curves and factors of replayed campaigns, by hand-made examples."""

from __future__ import annotations

import numpy as np
import pytest

from screening import backtest as curves

LOSS = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.0, 6.0])
ROWS = np.array([[0, 5, 4], [0, 1, 2]])


def test_best_so_far_and_regret() -> None:
    assert curves.best_so_far(LOSS, ROWS).tolist() == [[5, 0, 0], [5, 4, 3]]
    assert curves.mean_regret(LOSS, ROWS, n_start=1) == pytest.approx([5 / 9, 12 / 9])


def test_share_of_the_top() -> None:
    assert curves.top_found(LOSS, ROWS, k=2).tolist() == [[0, 0.5, 1.0], [0, 0, 0]]
    assert curves.top_found(LOSS, np.array([[3, 5, 4]]), k=2).tolist() == [[0, 0.5, 1.0]]  # the third best is none


def test_rows_that_tie_with_the_last_of_the_top_count_but_not_beyond_all_of_it() -> None:
    loss = np.array([0.0, 1.0, 1.0, 2.0])
    assert curves.top_found(loss, np.array([[3, 2, 1, 0]]), k=2).tolist() == [[0, 0.5, 1.0, 1.0]]


def test_factors_against_chance() -> None:
    ours, chance = np.array([[0.0, 1.0, 1.0, 1.0]]), np.array([[0.0, 0.0, 0.0, 1.0]])
    assert curves.acceleration(ours, chance, 1.0) == pytest.approx(2.0)
    assert np.isnan(curves.acceleration(np.zeros((1, 4)), chance, 1.0))
    assert curves.acceleration(ours, np.zeros((1, 4)), 1.0) == 2.5  # chance: five experiments at least
    factor = curves.enhancement(ours, chance)
    assert np.isnan(factor[0])
    assert factor[3] == 1.0


def test_a_constant_table_has_no_regret() -> None:
    assert curves.mean_regret(np.ones(3), np.array([[0, 1]]), 1) == pytest.approx([0.0])
