"""Lifetimes that contradict what is known of their compound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.doubts import APART_DECADES, Expected, doubt
from screening.calibration import interval

EXPECTED = Expected(4.8, 1.2, 19.2)
LIFETIMES = st.floats(0.01, 1000.0)


def test_femtoseconds_taken_for_picoseconds_are_asked_about_with_what_was_meant() -> None:
    found = doubt(310.0, (0.3,), EXPECTED)
    assert found is not None
    assert (found.meant_ps, found.unit) == (0.31, "fs")
    assert found.sentence == (
        "310 ps, and earlier crystals of this compound gave 0.30 ps: did you mean 0.31 ps (310 fs)?"
    )


def test_a_lifetime_that_no_slip_explains_is_asked_about_all_the_same() -> None:
    found = doubt(12.0, (0.3,), EXPECTED)
    assert found is not None
    assert found.meant_ps is None
    assert found.sentence.endswith("Is it this compound, and is the unit right?")


def test_without_earlier_crystals_the_model_is_asked() -> None:
    assert doubt(19.0, (), EXPECTED) is None
    found = doubt(4100.0, (), EXPECTED)
    assert found is not None
    assert found.unit == "fs"
    assert "the model expects" in found.sentence
    assert doubt(4100.0, (), None) is None


def test_the_interval_of_another_level_is_that_of_the_calibrated_model() -> None:
    import numpy as np

    sd = np.array([0.3])
    low, high = (10.0 ** float(-end[0]) for end in reversed(interval(np.array([0.0]), sd, 0.9)))
    wide = [10.0 ** float(-end[0]) for end in reversed(interval(np.array([0.0]), sd, 0.999))]
    assert Expected(1.0, low, high).reach(0.999) == pytest.approx(wide)


@given(known=LIFETIMES, decades=st.floats(0.0, 0.99 * APART_DECADES), sign=st.sampled_from([-1, 1]))
def test_replicates_are_never_doubted(known: float, decades: float, sign: int) -> None:
    assert doubt(known * 10.0 ** (sign * decades), (known,), None) is None


@given(known=LIFETIMES, bound=LIFETIMES)
def test_a_bound_is_doubted_only_where_it_is_shorter(known: float, bound: float) -> None:
    found = doubt(bound, (known,), None, is_bound=True)
    assert (found is not None) == (bound < known / 10.0**APART_DECADES)
