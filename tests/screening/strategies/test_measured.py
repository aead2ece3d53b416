"""The nearest measured compound and the applicability domain."""

from __future__ import annotations

import numpy as np
import pytest

from screening.errors import RankingError
from screening.strategies import MeasuredSet


def test_the_nearest_is_found_in_units_of_the_measured_spread() -> None:
    measured = MeasuredSet(("a", "b", "c"), np.array([[0.0, 0.0], [1.0, 1000.0], [2.0, 0.0]]))
    row, distance = measured.nearest(np.array([[1.9, 10.0], [1.0, 990.0]]))
    assert row.tolist() == [2, 1]
    scale = measured.x.std(axis=0)
    assert distance[0] == pytest.approx(np.sqrt((((np.array([1.9, 10.0]) - measured.x[2]) / scale) ** 2).mean()))


def test_the_distances_to_all_have_the_nearest_as_their_least() -> None:
    generator = np.random.default_rng(2)
    measured = MeasuredSet(tuple("abcdef"), generator.normal(size=(6, 3)))
    x = generator.normal(size=(4, 3))
    row, distance = measured.nearest(x)
    assert measured.distances(x).argmin(axis=1).tolist() == row.tolist()
    assert measured.distances(x).min(axis=1) == pytest.approx(distance)


def test_replicates_and_constant_columns_do_not_shrink_the_domain_to_nothing() -> None:
    x = np.array([[0.0, 7.0], [0.0, 7.0], [1.0, 7.0], [3.0, 7.0]])
    assert MeasuredSet(("a", "a", "b", "c"), x).domain_radius > 0.0


def test_labels_and_rows_must_match() -> None:
    with pytest.raises(RankingError, match="2 labels"):
        MeasuredSet(("a", "b"), np.zeros((3, 2)))
