"""The best k of a stream."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from screening.ranking.candidates import TopK


@given(st.lists(st.integers(-3, 3), max_size=200), st.integers(1, 20), st.integers(1, 50))
def test_the_top_of_a_stream_is_that_of_the_whole_however_it_is_cut(values: list[int], k: int, cut: int) -> None:
    value, index = np.array(values, dtype=np.float64), np.arange(len(values))
    top = TopK(k)
    for start in range(0, len(values), cut):
        top.offer(value[start : start + cut], index[start : start + cut])
    assert top.result()[0].tolist() == np.lexsort((index, -value))[:k].tolist()


def test_values_that_are_no_numbers_are_never_kept() -> None:
    top = TopK(3)
    top.offer(np.array([np.nan, -np.inf, 1.0]), np.arange(3))
    assert top.result()[0].tolist() == [2]
