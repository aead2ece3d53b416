"""The line that says why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.narrate import Candidate, picoseconds, reason

QUIET = {"homo_ev": 0.0, "log1p_dipole": 0.01}


def say(lifetime_ps: float, high_ps: float, **how: object) -> str:
    values: dict[str, object] = {"feasibility": 0.9, "in_domain": True, "contributions": QUIET} | how
    contributions = values.pop("contributions")
    return reason(contributions, Candidate(lifetime_ps, high_ps, 13.0, **values))  # type: ignore[arg-type]  # a test helper


def test_the_aim_is_told_against_the_best_measured() -> None:
    assert say(20.0, 90.0).startswith("predicted slower than the best measured in this space (13 ps)")
    assert say(5.0, 90.0).startswith("may beat the best measured in this space (13 ps)")
    assert say(1.0, 4.0).startswith("unlikely to beat")


def test_the_two_strongest_drivers_are_named() -> None:
    told = say(
        5.0, 90.0, contributions={"homo_ev": -0.3, "log1p_dipole": -0.2, "lumo_ev": -0.1, "electronegativity": 0.5}
    )
    assert "slowed by HOMO (lifetime x2) and dipole (lifetime x1.6)" in told
    assert "LUMO" not in told
    assert "no single descriptor" in say(5.0, 90.0)


def test_doubts_are_told() -> None:
    assert "far from everything measured" in say(5.0, 90.0, in_domain=False)
    assert "may well not form" in say(5.0, 90.0, feasibility=0.3)


def test_what_counted_beside_the_lifetime_is_told() -> None:
    told = say(1.0, 4.0, weighed={"price": 45.321, "band_gap_ev": 2.4})
    assert told.startswith("unlikely to beat the best measured in this space (13 ps), chosen as a compromise; ")
    assert told.endswith("weighed with price 45.3, band gap ev 2.4")
    assert "weighed" not in say(1.0, 4.0, weighed={})
    assert "chosen for what it teaches" in say(1.0, 4.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0082, "0.0082"), (0.953, "0.95"), (6.13, "6.1"), (9.96, "10"), (109.9, "110"), (1234.0, "1200")],
)
def test_lifetimes_have_two_digits_and_no_exponent(value: float, text: str) -> None:
    assert picoseconds(value) == text


@given(st.floats(1e-4, 1e5))
def test_a_written_lifetime_is_within_five_percent(value: float) -> None:
    assert float(picoseconds(value)) == pytest.approx(value, rel=0.051)
