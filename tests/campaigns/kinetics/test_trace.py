"""Traces from arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.errors import AxisError, TooFewDelaysError
from campaigns.kinetics import Trace


@given(order=st.permutations(range(20)))
@settings(max_examples=30)
def test_the_order_of_the_delays_does_not_matter(order: list[int]) -> None:
    delay, sc = np.linspace(-1.0, 5.0, 20), np.arange(20.0)
    trace = Trace.of(delay[order], sc=sc[order], cc=np.ones(20))
    assert np.array_equal(trace.delay_ps, delay)
    assert np.array_equal(trace.signal, sc - 1.0)
    assert bool(trace.notes) == (list(order) != sorted(order))


def test_nans_are_dropped_and_said() -> None:
    signal = np.ones(30)
    signal[[3, 7]] = np.nan
    trace = Trace.of(np.arange(30.0), difference=signal)
    assert len(trace) == 28
    assert "2 of 30 delays held NaN" in trace.notes[0]


def test_repeated_delays_are_scans_and_stay() -> None:
    trace = Trace.of(np.tile(np.arange(15.0), 2), difference=np.arange(30.0))
    assert len(trace) == 30
    assert any("repeated" in note for note in trace.notes)


def test_too_few_delays_are_refused_with_their_number() -> None:
    with pytest.raises(TooFewDelaysError, match="5 usable delays of 20"):
        Trace.of(np.arange(20.0), difference=np.r_[np.ones(5), np.full(15, np.nan)])


def test_half_a_pair_is_refused() -> None:
    with pytest.raises(AxisError, match="give sc= and cc="):
        Trace.of(np.arange(20.0), sc=np.ones(20))
    with pytest.raises(AxisError, match="20, 19"):
        Trace.of(np.arange(20.0), difference=np.ones(19))


def test_a_window_can_be_left_out() -> None:
    trace = Trace.of(np.arange(20.0), sc=np.ones(20), cc=np.zeros(20)).without(2.5, 4.5)
    assert len(trace) == 18
    assert trace.sc is not None
    assert not {3.0, 4.0} & set(trace.delay_ps)


def test_a_trace_cannot_be_changed() -> None:
    trace = Trace.of(np.arange(20.0), difference=np.ones(20))
    with pytest.raises(ValueError, match="read-only"):
        trace.signal[0] = 2.0
