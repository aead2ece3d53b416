"""The line that says why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.narrate import Candidate, Driver, picoseconds, reason, told_apart

QUIET = [Driver("homo_ev", 0.0, -12.0, -12.0), Driver("log1p_dipole", 0.01, 2.0, 2.0)]


def say(lifetime_ps: float, high_ps: float, **how: object) -> str:
    values: dict[str, object] = {"feasibility": 0.9, "in_domain": True, "drivers": QUIET} | how
    drivers = values.pop("drivers")
    return reason(drivers, Candidate(lifetime_ps, high_ps, 13.0, **values))  # type: ignore[arg-type]  # a test helper


def test_the_aim_is_told_against_the_best_measured() -> None:
    assert say(20.0, 90.0).endswith("predicted slower than the best measured in this space (13 ps)")
    assert say(5.0, 90.0).endswith("may beat the best measured in this space (13 ps) within its interval")
    assert "; unlikely to beat" in say(1.0, 4.0)
    assert say(1.0, 4.0, drawn=True).endswith("; drawn at random")


def test_what_all_reasons_of_a_round_say_is_told_once_and_each_begins_with_what_differs() -> None:
    layers, dipole = Driver("inverse_n_layers", -0.4, 1.0, 0.8), Driver("log1p_dipole", -0.2, 0.0003, 2.0)
    alike, reasons = told_apart([say(5.0, 90.0, drivers=[one]) for one in (layers, dipole)])
    assert alike == "may beat the best measured in this space (13 ps) within its interval"
    assert reasons == ["slower: n = 1 (lifetime x2.5)", "slower: no dipole (lifetime x1.6)"]
    assert told_apart([say(5.0, 90.0)]) == ("", [say(5.0, 90.0)])
    assert told_apart([]) == ("", [])


@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1, unique=True), min_size=2))
def test_nothing_is_lost_where_reasons_are_told_apart(reasons: list[list[str]]) -> None:
    alike, own = told_apart(["; ".join(each) for each in reasons])
    for each, rest in zip(reasons, own, strict=True):
        assert sorted(each) == sorted(filter(None, (*alike.split("; "), *rest.split("; "))))


def test_the_two_strongest_drivers_are_named_with_their_direction() -> None:
    homo, dipole = Driver("homo_ev", -0.3, -19.8, -12.0), Driver("log1p_dipole", -0.2, 0.0003, 2.0)
    told = say(5.0, 90.0, drivers=[homo, dipole, Driver("lumo_ev", -0.1, -6.0, -4.0)])
    assert "slower: low HOMO of -19.8 eV (lifetime x2), no dipole (lifetime x1.6)" in told
    assert "LUMO" not in told
    layers = Driver("inverse_n_layers", -0.4, 1.0, 0.8)
    assert "slower: n = 1 (lifetime x2.5), high dipole of 19.1 D" in say(
        5.0, 90.0, drivers=[dipole._replace(value=3.0), layers]
    )
    assert "no single descriptor" in say(5.0, 90.0)


def test_doubts_are_told() -> None:
    assert "far from everything measured" in say(5.0, 90.0, in_domain=False)
    assert "may well not form" in say(5.0, 90.0, feasibility=0.3)


def test_what_counted_beside_the_lifetime_is_told() -> None:
    told = say(1.0, 4.0, weighed={"price": 45.321, "band_gap_ev": 2.4})
    assert told.endswith("; unlikely to beat the best measured in this space (13 ps), chosen as a compromise")
    assert "; weighed with price 45.3, band gap ev 2.4; " in told
    assert "weighed" not in say(1.0, 4.0, weighed={})
    assert "chosen for what it teaches" in say(1.0, 4.0)
    assert say(1.0, 4.0, teaches=False).endswith(
        "unlikely to beat the best measured in this space (13 ps), chosen as one of the slowest left"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0082, "0.0082"), (0.953, "0.95"), (6.13, "6.1"), (9.96, "10"), (109.9, "110"), (1234.0, "1200")],
)
def test_lifetimes_have_two_digits_and_no_exponent(value: float, text: str) -> None:
    assert picoseconds(value) == text


@given(st.floats(1e-4, 1e5))
def test_a_written_lifetime_is_within_five_percent(value: float) -> None:
    assert float(picoseconds(value)) == pytest.approx(value, rel=0.051)
