"""tau, half-life, T1 and flip time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.errors import KineticsError
from campaigns.kinetics.result import CONVENTIONS, difference_lifetime_ps, half_life_ps, spin_flip_time_ps, t1_ps

LIFETIMES = st.floats(1e-3, 1e4)


@given(lifetime=LIFETIMES, ratio=st.floats(1.01, 1e6))
def test_every_convention_goes_back_to_tau(lifetime: float, ratio: float) -> None:
    population = lifetime * ratio
    published = {
        "tau": lifetime,
        "half-life": half_life_ps(lifetime),
        "t1": t1_ps(lifetime, population),
        "flip": spin_flip_time_ps(lifetime, population),
    }
    assert set(published) == set(CONVENTIONS)
    for convention, value in published.items():
        assert difference_lifetime_ps(value, convention, population) == pytest.approx(lifetime, rel=1e-6)


def test_without_population_decay_tau_is_t1_and_half_the_flip_time() -> None:
    assert t1_ps(3.0) == 3.0
    assert spin_flip_time_ps(3.0) == 6.0


def test_a_population_that_decays_first_leaves_no_t1() -> None:
    with pytest.raises(KineticsError, match="must decay faster than the population"):
        t1_ps(5.0, 4.0)


def test_unknown_conventions_and_impossible_numbers_are_refused() -> None:
    with pytest.raises(KineticsError, match="tau, half-life, t1, flip"):
        difference_lifetime_ps(1.0, "t2")
    with pytest.raises(KineticsError, match="must be positive"):
        difference_lifetime_ps(-1.0, "tau")
