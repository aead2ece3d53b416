"""Cells of a results table: a problem says what would be right."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.ingest import fluence, lifetime, standard_error, temperature
from chemspace.errors import CellError
from chemspace.tables.cells import optional_number
from screening.dataset import PLAUSIBLE_LIFETIME_PS


@given(st.floats(*PLAUSIBLE_LIFETIME_PS))
def test_every_plausible_lifetime_is_taken_as_it_stands(value: float) -> None:
    assert lifetime(repr(value), accept_extreme=False) == value


@pytest.mark.parametrize(
    ("cell", "right"),
    [
        ("-3", "positive"),
        ("0", "positive"),
        ("", "empty"),
        ("3,2", "write 3.2"),
        ("3.2 ns", "write 3200"),
        ("420 fs", "write 0.42"),
        ("3.2ps", "write 3.2"),
        ("0.5 ps^-1", "write 2"),
        ("nan", "not a lifetime"),
        ("inf", "not a lifetime"),
        ("long", "not a lifetime"),
        ("3200", "write 3.2"),
        ("0.0012", "write 1.2"),
    ],
)
def test_a_lifetime_that_cannot_be_is_refused_with_what_would_be_right(cell: str, right: str) -> None:
    with pytest.raises(CellError, match=right.replace("^", r"\^")):
        lifetime(cell, accept_extreme=False)


def test_an_extreme_lifetime_is_taken_when_confirmed() -> None:
    assert lifetime("3200", accept_extreme=True) == 3200


@given(st.text())
def test_any_text_is_a_number_or_a_cell_error(cell: str) -> None:
    with suppress(CellError):
        assert lifetime(cell, accept_extreme=False) > 0


@pytest.mark.parametrize(("cell", "right"), [("0", "positive"), ("-1", "positive"), ("100", "another unit")])
def test_a_standard_error_that_cannot_be_is_refused(cell: str, right: str) -> None:
    with pytest.raises(CellError, match=right):
        standard_error(cell, lifetime_ps=3.0)


@pytest.mark.parametrize("cell", ["0", "-196", "room"])
def test_a_temperature_that_is_none_in_kelvin_is_refused(cell: str) -> None:
    with pytest.raises(CellError, match=r"is not a (temperature in K|number)"):
        temperature(cell)
    assert temperature("77") == 77.0


@pytest.mark.parametrize(
    ("cell", "heading", "kelvin"),
    [("22", "Temperatur (°C)", 295.15), ("-196", "temp_C", 77.15), ("22 ℃", "T", 295.15), ("77", "T spec", 77.0)],
)
def test_a_temperature_is_read_in_the_unit_of_its_cell_or_heading(cell: str, heading: str, kelvin: float) -> None:
    assert temperature(cell, heading) == pytest.approx(kelvin)
    with pytest.raises(CellError, match="must be positive"):
        temperature("-300", heading)


def test_an_empty_cell_is_an_unknown_number() -> None:
    assert temperature("") is None
    assert standard_error(" ", lifetime_ps=3.0) is None
    assert optional_number("") is None


@pytest.mark.parametrize(
    ("cell", "heading", "value"),
    [
        ("3.5", "fluence_uj_cm2", 3.5),
        ("3.5", "Fluence (nJ/cm2)", 0.0035),
        ("3.5", "pump fluence / mJ cm-2", 3500.0),
        ("800 nJ/cm²", "fluence (uJ/cm2)", 0.8),
        ("2 µJ cm⁻²", "fluence", 2.0),
        ("", "fluence", None),
    ],
)
def test_a_fluence_is_read_in_the_unit_of_its_cell_or_heading(cell: str, heading: str, value: float | None) -> None:
    assert fluence(cell, heading) == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize("cell", ["-1", "0", "strong", "3 kJ/cm2"])
def test_a_fluence_that_is_none_is_refused(cell: str) -> None:
    with pytest.raises(CellError):
        fluence(cell, "fluence")
