"""Units in headings and in numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chemspace.tables.cells import UNITS, is_rate, lifetime_in_ps, split_heading, stderr_in_ps, unit_of


@pytest.mark.parametrize(
    ("heading", "name", "unit"),
    [
        ("tau (fs)", "tau", "fs"),
        ("lifetime_ns", "lifetime", "ns"),
        ("tau/ps", "tau", "ps"),
        ("rate [1/ps]", "rate", "ps^-1"),
        ("k (ps^-1)", "k", "ps^-1"),
        ("k / ps⁻¹", "k", "ps^-1"),
        ("rate_per_ps", "rate", "ps^-1"),
        ("decay time in µs", "decay time", "us"),
        ("tau (s)", "tau", "s"),
        ("tau_s", "tau_s", None),
        ("steps", "steps", None),
        ("notes", "notes", None),
        ("ps", "ps", "ps"),
        ("(fs)", "(fs)", "fs"),
        ("lifetime (sec)", "lifetime", "s"),
        ("delay_s", "delay", "s"),
        ("Delay (femtoseconds)", "Delay", "fs"),
        ("Zeit (Pikosekunden)", "Zeit", "ps"),
        ("t (10^-12 s)", "t", "ps"),
        ("k_s", "k_s", None),
        ("", "", None),
    ],
)
def test_a_heading_is_a_name_and_a_unit(heading: str, name: str, unit: str | None) -> None:
    assert split_heading(heading) == (name, unit)


@given(st.text(max_size=30))
def test_any_heading_can_be_split(heading: str) -> None:
    name, unit = split_heading(heading)
    assert unit is None or unit in UNITS
    assert name in heading


@given(st.sampled_from(UNITS), st.floats(1e-6, 1e6))
def test_a_unit_and_back(unit: str, lifetime_ps: float) -> None:
    one = lifetime_in_ps(1.0, unit)
    value = one / lifetime_ps if is_rate(unit) else lifetime_ps / one
    assert lifetime_in_ps(value, unit) == pytest.approx(lifetime_ps)
    assert unit_of(unit) == unit
    # A relative error is the same whether a lifetime or its rate is given.
    assert stderr_in_ps(0.01 * value, unit, lifetime_ps) == pytest.approx(0.01 * lifetime_ps)
